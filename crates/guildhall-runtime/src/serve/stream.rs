//! Streams of bytes between two apps: many on one connection beside the link, so that bulk never delays a call.
//!
//! The opener dials; yamux gives each stream its window. A stream begins with the name it was opened under and the answer to that.

mod config;
mod greeting;
mod session;
mod serve;

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use guildhall_core::status::reason;
use guildhall_core::{Address, AppId, BoxFuture, Code, StartError, Status};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::call::{Core, Cx};
use session::Session;

pub use config::StreamConfig;
pub(crate) use serve::serve;

/// What serves the streams of a name.
pub(crate) type StreamHandler = dyn Fn(Cx, Stream) -> BoxFuture<'static, ()> + Send + Sync;
pub(crate) type StreamHandlers = BTreeMap<&'static str, Arc<StreamHandler>>;

/// A stream of bytes to another app, both ways, in order. Dropping it closes it; bytes that were written and flushed still arrive.
///
/// Bytes are not acknowledged: a stream that ends with an error may have lost its last bytes.
#[must_use = "the stream is closed when this is dropped"]
pub struct Stream {
    io: Pin<Box<dyn Io>>,
    /// One of `stream.streams_max`.
    _place: OwnedSemaphorePermit,
}

trait Io: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Io for T {}

impl Stream {
    fn new(io: impl AsyncRead + AsyncWrite + Send + 'static, place: OwnedSemaphorePermit) -> Self {
        Self { io: Box::pin(io), _place: place }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.io.as_mut().poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.io.as_mut().poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.as_mut().poll_shutdown(cx)
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stream")
    }
}

impl Cx {
    /// Opens a stream to `target`, an `AppId` or a `LogicAddr`, which handles `name` with [`App::on_stream`](crate::App::on_stream).
    ///
    /// # Errors
    /// NO_ROUTE: no such app. OVERLOADED: `stream.streams_max` streams are open. LOST: the connection was lost. EXPIRED:
    /// `stream.open_ms` or the deadline of this context has passed. The handler has not begun, unless the effect is `MayHaveRun`.
    ///
    /// # Cancel safety
    /// Dropping the future closes the stream; its handler may have begun.
    pub async fn open_stream(
        &self,
        target: impl Into<Address>,
        name: &str,
    ) -> Result<Stream, Status> {
        let (core, streams) = (&self.core, self.core.part::<Streams>());
        let target = &core.mesh.id_of(&target.into())?;
        let limit = self.within(Duration::from_millis(streams.config.open_ms));
        let deadline = limit.deadline.unwrap_or_else(|| core.env.now());
        let opened = core.env.until(deadline, streams.open(core, target, name)).await;
        opened.unwrap_or_else(|| {
            let why =
                format!("the stream `{name}` to {target} did not open in time (stream.open_ms)");
            Err(Status::new(Code::DeadlineExceeded, why).with_reason(reason::EXPIRED))
        })
    }
}

/// The streams of an app.
pub(crate) struct Streams {
    pub(crate) config: StreamConfig,
    handlers: StreamHandlers,
    /// One per peer that this app has opened streams to.
    sessions: Mutex<BTreeMap<AppId, Arc<Session>>>,
    places: Arc<Semaphore>,
}

impl Streams {
    pub(crate) fn new(config: StreamConfig, handlers: StreamHandlers) -> Result<Self, StartError> {
        config.check().map_err(|why| StartError::setting("stream", why))?;
        let places = Arc::new(Semaphore::new(config.streams_max));
        Ok(Self { config, handlers, sessions: Mutex::default(), places })
    }

    async fn open(&self, core: &Arc<Core>, target: &AppId, name: &str) -> Result<Stream, Status> {
        greeting::check(name)?;
        let place = self.place()?;
        if *target == core.id {
            return serve::open_here(core, name, place);
        }
        let io = self.session(core, target)?.open().await?;
        greeting::ask_for(io, name, target).await.map(|io| Stream::new(io, place))
    }

    fn place(&self) -> Result<OwnedSemaphorePermit, Status> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            let why = format!("{} streams are open (stream.streams_max)", self.config.streams_max);
            Status::not_run(Code::ResourceExhausted, reason::OVERLOADED, why)
        })
    }

    /// The connection to `target`: the one there is, or a new one.
    fn session(&self, core: &Arc<Core>, target: &AppId) -> Result<Arc<Session>, Status> {
        let mut sessions = self.sessions.lock();
        sessions.retain(|_, session| !session.ended());
        if let Some(session) = sessions.get(target) {
            return Ok(Arc::clone(session));
        }
        let record = core.mesh.nodes().into_iter().find(|record| record.id == *target);
        let address = record.and_then(|record| record.endpoints.get("link").cloned());
        let address = address.ok_or_else(|| {
            let why = format!("there is no app {target}, or it does not listen (link.listen)");
            Status::not_run(Code::Unavailable, reason::NO_ROUTE, why)
        })?;
        let session = Session::begin(&core.endpoint, &self.config, address);
        sessions.insert(target.clone(), Arc::clone(&session));
        Ok(session)
    }
}

impl std::fmt::Debug for Streams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streams").field("config", &self.config).finish_non_exhaustive()
    }
}
