//! Requests with their whole body, answers, and the service trait.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode};

/// A complete request.
#[derive(Debug)]
pub struct Request {
    /// The HTTP method.
    pub method: Method,
    /// Path without the query.
    pub path: String,
    /// Headers of the request.
    pub headers: HeaderMap,
    /// Body, of at most [`Limits::body_max`](crate::Limits::body_max) bytes.
    pub body: Bytes,
    /// Network of the client: its IPv4 address, or the /64 of its IPv6 address. Comes from the socket; headers such as
    /// `X-Forwarded-For` do not change it.
    pub network: IpAddr,
}

/// The answer to a request.
#[derive(Clone, Debug)]
pub struct Answer {
    code: StatusCode,
    kind: &'static str,
    body: Bytes,
    headers: Vec<(HeaderName, HeaderValue)>,
    hold: Duration,
}

impl Answer {
    /// An answer of the content type `kind`.
    pub fn new(code: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Self {
        Self { code, kind, body: body.into(), headers: Vec::new(), hold: Duration::ZERO }
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Delays the answer by `hold` and then closes the connection, to slow down a client that repeats refused requests. Meanwhile a
    /// new connection may replace this one.
    #[must_use]
    pub fn held(mut self, hold: Duration) -> Self {
        self.hold = hold;
        self
    }

    /// The HTTP status code.
    pub fn code(&self) -> StatusCode {
        self.code
    }

    pub(crate) fn hold(&self) -> Duration {
        self.hold
    }

    pub(crate) fn into_parts(self) -> (StatusCode, HeaderMap, Bytes) {
        let mut headers = HeaderMap::with_capacity(self.headers.len() + 4);
        headers.insert(hyper::header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
        headers.extend(self.headers);
        if !self.hold.is_zero() {
            headers.insert(hyper::header::CONNECTION, HeaderValue::from_static("close"));
        }
        (self.code, headers, self.body)
    }
}

/// The reason why a request did not reach the service, or got no answer from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The body has more than [`Limits::body_max`](crate::Limits::body_max) bytes.
    TooLarge,
    /// The body ended early, or is not HTTP.
    Broken,
    /// [`Limits::request`](crate::Limits::request) is over.
    Late,
}

impl Refused {
    /// The HTTP status code of the reason.
    pub fn code(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Broken => StatusCode::BAD_REQUEST,
            Self::Late => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}

/// A handler of requests.
pub trait Service: Send + Sync + 'static {
    /// Answers a request.
    ///
    /// # Cancel safety
    /// The future is dropped when the client disconnects or [`Limits::request`](crate::Limits::request) is over.
    fn serve(&self, request: Request) -> impl Future<Output = Answer> + Send;

    /// Makes the answer to a refused request, in the format of the service's errors.
    fn refuse(&self, why: Refused) -> Answer;
}
