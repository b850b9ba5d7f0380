//! Accepts the connections of other apps.

use std::io::Result;
use std::sync::Arc;
use std::time::Duration;

use guildhall_core::env::{Accepted, Listener, Workers};
use tokio::sync::Semaphore;

use crate::dispatch::Dispatch;
use crate::endpoint::Endpoint;
use crate::handshake::{Opened, open};
use crate::serve::serve;
use crate::tls::Side;

/// Accepts links until the app ends; each is served by one of the workers.
pub async fn listen<D: Dispatch>(
    endpoint: Arc<Endpoint>,
    dispatch: Arc<D>,
    workers: Arc<Workers>,
    listener: Box<dyn Listener>,
) {
    let room = Arc::new(Semaphore::new(endpoint.config.accepted_max));
    loop {
        match listener.accept().await {
            Ok(accepted) => {
                // Over the limit the connection is dropped at once: its peer sees it closed, and dials later.
                let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
                    continue;
                };
                let (endpoint, dispatch) = (Arc::clone(&endpoint), Arc::clone(&dispatch));
                let (env, peer) = (endpoint.env.clone(), accepted.peer);
                env.spawn_on(&workers.next(), "link-serve", async move {
                    if let Err(error) = accept(endpoint, dispatch, accepted).await {
                        tracing::warn!(%peer, %error, "link refused");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                // Out of file descriptors, say: wait for better times.
                tracing::warn!(%error, "accept failed");
                endpoint.env.sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Gives an accepted connection to this runtime, opens and serves it.
async fn accept<D: Dispatch>(
    endpoint: Arc<Endpoint>,
    dispatch: Arc<D>,
    accepted: Accepted,
) -> Result<()> {
    let conn = (accepted.attach)()?;
    let Opened { socket, record, streams } = open(&endpoint, conn, Side::Acceptor, false).await?;
    match streams {
        true => dispatch.serve_streams(socket.into_io(), record.id).await,
        false => serve(endpoint, dispatch, socket, Some(record.id)).await,
    }
    Ok(())
}
