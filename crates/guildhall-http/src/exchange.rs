//! One request: its body, the service, the answer.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use guildhall_core::Env;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::{Response, StatusCode};

use crate::cors::Origins;
use crate::limits::Limits;
use crate::message::{Answer, Refused, Request, Service};
use crate::seat::{Phase, Seat};

/// What all connections of a server share.
pub(crate) struct Shared<S> {
    pub(crate) env: Env,
    pub(crate) limits: Limits,
    pub(crate) service: S,
}

/// What an exchange knows of its connection.
pub(crate) struct Here {
    pub(crate) seat: Arc<Seat>,
    pub(crate) network: IpAddr,
    /// A body was not read to its end: the client may still be sending.
    pub(crate) unread: AtomicBool,
}

impl Here {
    pub(crate) fn new(seat: Arc<Seat>, network: IpAddr) -> Arc<Self> {
        Arc::new(Self { seat, network, unread: AtomicBool::new(false) })
    }
}

pub(crate) async fn exchange<S: Service>(
    shared: Arc<Shared<S>>,
    here: Arc<Here>,
    request: hyper::Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (env, limits, service) = (&shared.env, &shared.limits, &shared.service);
    here.seat.set_phase(Phase::Body);
    let (head, body) = request.into_parts();
    let origin = limits.origins.allowed(&head.headers);
    if limits.origins.is_preflight(&head.method, &head.headers) {
        here.seat.set_phase(Phase::Sending);
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::NO_CONTENT;
        limits.origins.answer(origin.as_ref(), response.headers_mut());
        Origins::preflight(response.headers_mut());
        return Ok(response);
    }
    let answer = async {
        let body = read(body, limits.body_max).await?;
        here.seat.set_phase(Phase::Working);
        let path = head.uri.path().to_owned();
        let (method, headers, network) = (head.method, head.headers, here.network);
        Ok(service.serve(Request { method, path, headers, body, network }).await)
    };
    let answer: Option<Result<Answer, Refused>> =
        env.until(env.now() + limits.request, answer).await;
    let (answer, was_read) = match answer.unwrap_or(Err(Refused::Late)) {
        Ok(answer) => (answer, true),
        Err(refused) => {
            // It may be late in the service; reading a little more then costs nothing.
            here.unread.store(true, Ordering::Relaxed);
            (service.refuse(refused), false)
        }
    };
    if !answer.hold().is_zero() {
        here.seat.set_phase(Phase::Held(answer.hold()));
        env.sleep(answer.hold()).await;
    }
    here.seat.set_phase(Phase::Sending);
    let (code, mut headers, body) = answer.into_parts();
    if !was_read {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    limits.origins.answer(origin.as_ref(), &mut headers);
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = code;
    *response.headers_mut() = headers;
    Ok(response)
}

async fn read(body: Incoming, max: usize) -> Result<Bytes, Refused> {
    // What is announced too large is not read at all.
    if body.size_hint().lower() > u64::try_from(max).unwrap_or(u64::MAX) {
        return Err(Refused::TooLarge);
    }
    match Limited::new(body, max).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Refused::TooLarge),
        Err(_) => Err(Refused::Broken),
    }
}
