//! [`Connection`]: one HTTP/2 connection to a member, and requests on it.

mod http2;

use std::error::Error as _;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use guildhall_core::Env;
use guildhall_core::env::Instant;
use guildhall_http::Io;
use guildhall_tls::connect;
use hyper::client::conn::http2::Builder;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::client::Grpc;
use tonic::codegen::http::Uri;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::{Code, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::config::Settings;
use crate::fault::words;
use crate::proto::{AuthenticateRequest, RangeRequest, WatchRequest, WatchResponse};
use crate::rpc::{Rpc, watch_path};
use http2::{Http2, Tasks};

/// Bytes of one answer, above which it is an error: a page of keys, or the events that a watch catches up with.
const ANSWER_MAX: usize = 64 << 20;
/// Bytes that the server may send ahead, so that a distant one is not waited for at each 64 KiB.
const WINDOW: u32 = 4 << 20;
/// A request that is given up after this time without any answer on its connection has found the connection broken.
const SILENCE: Duration = Duration::from_millis(900);
/// Requests to the watch stream that wait to be sent.
const WATCH_REQUESTS: usize = 4;

/// A connection that has answered once. Clones are the same connection.
pub(crate) struct Connection {
    env: Env,
    grpc: Grpc<Http2>,
    token: Option<MetadataValue<Ascii>>,
    closed: CancellationToken,
    answered: Mutex<Instant>,
}

impl Connection {
    /// Dials a member, proves the user, and asks it something that only a member of a working cluster can answer.
    ///
    /// # Cancel safety
    /// Dropped, the connection is closed.
    pub(crate) async fn dial(
        env: &Env,
        settings: &Settings,
        address: &str,
    ) -> Result<Self, String> {
        let said = |error: std::io::Error| error.to_string();
        let connected = connect(env, settings.roots.as_ref(), address, &["h2"]).await;
        let conn = connected.map_err(said)?;
        let (sender, driver) = Builder::new(Tasks(env.clone()))
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(2 * WINDOW)
            .handshake(Io::new(conn))
            .await
            .map_err(|error| error.to_string())?;
        let closed = CancellationToken::new();
        let until = closed.clone();
        env.spawn("etcd.connection", async move {
            // What went wrong is the error of the requests that were on it.
            let _ended = until.run_until_cancelled(driver).await;
            until.cancel();
        });
        let scheme = if settings.roots.is_some() { "https" } else { "http" };
        let origin = Uri::builder().scheme(scheme).authority(address).path_and_query("/").build();
        let origin = origin.map_err(|error| error.to_string())?;
        let grpc = Grpc::with_origin(Http2(sender), origin).max_decoding_message_size(ANSWER_MAX);
        let answered = Mutex::new(env.now());
        let mut this = Self { env: env.clone(), grpc, token: None, closed, answered };
        this.token = this.authenticate(settings).await?;
        let key = Bytes::from(settings.prefix.clone());
        let probe = RangeRequest { key, keys_only: true, limit: 1, ..RangeRequest::default() };
        this.call(probe).await.map_err(|status| this.unanswered(settings, &status))?;
        Ok(this)
    }

    async fn authenticate(
        &self,
        settings: &Settings,
    ) -> Result<Option<MetadataValue<Ascii>>, String> {
        let Some(user) = &settings.user else { return Ok(None) };
        let request =
            AuthenticateRequest { name: user.name.clone(), password: user.password.clone() };
        match self.call(request).await {
            Ok(answer) => {
                let token = answer.token.parse();
                token.map(Some).map_err(|_| "the server's token is not ASCII".to_owned())
            }
            // A user may be set before the operator enables authentication.
            Err(status) if status.code() == Code::FailedPrecondition => Ok(None),
            Err(status) => {
                Err(format!("user `{}`: {}", user.name, self.unanswered(settings, &status)))
            }
        }
    }

    /// Why a member has not answered a first request.
    fn unanswered(&self, settings: &Settings, status: &Status) -> String {
        let words = words(status);
        // What the member itself says has no source.
        let is_cut = self.is_closed() || status.source().is_some();
        match is_cut && settings.roots.is_none() {
            true => format!("{words} (if the server has TLS, write etcds://…?ca=FILE)"),
            false => words,
        }
    }

    /// Sends a request and waits for its answer. Given up without any answer for a while, it closes the connection, so that the next
    /// request has another one.
    pub(crate) async fn call<Q: Rpc>(&self, request: Q) -> Result<Q::Answer, Status> {
        let mut grpc = self.grpc.clone();
        let mut waiting = Waiting { connection: self, since: self.env.now(), ended: false };
        let closed = || Status::unavailable("the connection was closed");
        let calling = async {
            grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
            let codec = ProstCodec::<Q, Q::Answer>::default();
            grpc.unary(self.signed(request), Q::path(), codec).await
        };
        let answer = self.closed.run_until_cancelled(calling).await;
        waiting.ended = true;
        let answer = answer.unwrap_or_else(|| Err(closed()))?;
        self.note_answer();
        Ok(answer.into_inner())
    }

    /// Opens a watch stream. What is sent to the sender goes to the server.
    pub(crate) async fn watch(
        &self,
        first: WatchRequest,
    ) -> Result<(mpsc::Sender<WatchRequest>, Streaming<WatchResponse>), Status> {
        let (requests, waiting) = mpsc::channel(WATCH_REQUESTS);
        // There is room, and the receiver is here.
        drop(requests.try_send(first));
        let waiting =
            stream::unfold(waiting, |mut waiting| async { Some((waiting.recv().await?, waiting)) });
        let mut grpc = self.grpc.clone();
        grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let mut request = self.signed(waiting);
        // A member that is cut off from its cluster ends the stream, and is not silent for ever.
        request.metadata_mut().insert("hasleader", MetadataValue::from_static("true"));
        let codec = ProstCodec::<WatchRequest, WatchResponse>::default();
        let answers = grpc.streaming(request, watch_path(), codec).await?;
        Ok((requests, answers.into_inner()))
    }

    fn signed<Q>(&self, request: Q) -> tonic::Request<Q> {
        let mut request = tonic::Request::new(request);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("token", token.clone());
        }
        request
    }

    /// Something has come from the server.
    pub(crate) fn note_answer(&self) {
        *self.answered.lock() = self.env.now();
    }

    /// Ends the connection and everything on it.
    pub(crate) fn close(&self) {
        self.closed.cancel();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.is_cancelled()
    }

    /// Waits until the connection has ended, from whatever side. Cancel safe.
    pub(crate) async fn ended(&self) {
        self.closed.cancelled().await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close();
    }
}

/// A request that waits for its answer; dropped before, it was given up.
struct Waiting<'a> {
    connection: &'a Connection,
    since: Instant,
    ended: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Connection { env, answered, .. } = self.connection;
        let silent = *answered.lock() <= self.since;
        if !self.ended && silent && env.now().saturating_duration_since(self.since) >= SILENCE {
            self.connection.close();
        }
    }
}
