//! The serving side of streams: each runs the handler of its name in a task of its own.

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::env::ConnIo;
use guildhall_core::status::reason;
use guildhall_core::{AppId, Code, Status, outside};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::compat::{FuturesAsyncReadCompatExt as _, TokioAsyncReadCompatExt as _};

use super::session::Raw;
use super::{Stream, StreamHandler, Streams, greeting};
use crate::call::{Core, Cx};

/// Serves the streams of one connection until it ends.
pub(crate) async fn serve(core: Arc<Core>, io: ConnIo, caller: AppId) {
    let config = core.part::<Streams>().config.yamux();
    let mut connection = yamux::Connection::new(io.compat(), config, yamux::Mode::Server);
    loop {
        match std::future::poll_fn(|cx| connection.poll_next_inbound(cx)).await {
            Some(Ok(stream)) => {
                let task = begin(Arc::clone(&core), stream.compat(), caller.clone());
                core.env.spawn("stream", task);
            }
            Some(Err(error)) => {
                tracing::debug!(peer = %caller, %error, "stream connection closed");
                return;
            }
            None => return,
        }
    }
}

async fn begin(core: Arc<Core>, mut stream: Raw, caller: AppId) {
    let streams = core.part::<Streams>();
    let limit = Duration::from_millis(streams.config.open_ms);
    let greeted = async {
        let name = greeting::read_name(&mut stream).await?;
        let found = find(&core, &name).and_then(|handler| Ok((handler, streams.place()?)));
        greeting::answer(&mut stream, found.as_ref().err()).await?;
        Ok::<_, std::io::Error>(found.ok())
    };
    match core.env.until(core.env.now() + limit, greeted).await {
        Some(Ok(Some((handler, place)))) => {
            let core = Arc::clone(&core);
            run(core, handler, Stream::new(stream, place), Some(caller)).await;
        }
        Some(Ok(None)) => {}
        Some(Err(error)) => tracing::debug!(%caller, %error, "stream lost while opening"),
        None => tracing::debug!(%caller, "stream closed: no open request within stream.open_ms"),
    }
}

/// A stream of this app to itself, through memory.
pub(super) fn open_here(
    core: &Arc<Core>,
    name: &str,
    place: OwnedSemaphorePermit,
) -> Result<Stream, Status> {
    let handler = find(core, name)?;
    let (near, far) = tokio::io::duplex(super::config::WINDOW);
    let far = Stream::new(far, core.part::<Streams>().place()?);
    core.env.spawn("stream", run(Arc::clone(core), handler, far, None));
    Ok(Stream::new(near, place))
}

fn find(core: &Core, name: &str) -> Result<Arc<StreamHandler>, Status> {
    if core.draining.is_cancelled() {
        let why = format!("{} is going away", core.id);
        return Err(Status::not_run(Code::Unavailable, reason::GOING_AWAY, why));
    }
    let handlers = &core.part::<Streams>().handlers;
    handlers.get(name).cloned().ok_or_else(|| {
        let known: Vec<&str> = handlers.keys().copied().collect();
        let (app, name) = (&core.id, outside(name));
        let why = format!("{app} serves no stream `{name}`; it serves {known:?}");
        Status::not_run(Code::Unimplemented, reason::NO_SUCH_METHOD, why)
    })
}

/// Draining waits for the handlers that run, until there is only the time that saving needs.
async fn run(core: Arc<Core>, handler: Arc<StreamHandler>, stream: Stream, caller: Option<AppId>) {
    struct Live(Arc<Core>);
    impl Drop for Live {
        fn drop(&mut self) {
            self.0.endpoint.meters.in_flight.end();
        }
    }
    core.endpoint.meters.in_flight.begin();
    let live = Live(core);
    let cx = Cx { caller, ..Cx::outside(&live.0) };
    tokio::select! {
        biased;
        () = live.0.ending.cancelled() => {
            tracing::warn!("stream closed: its handler outlived the drain");
        }
        () = handler(cx, stream) => {}
    }
}
