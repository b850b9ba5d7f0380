//! Listens at an address, and serves the connections that come.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use guildhall_core::Env;
use guildhall_core::env::Listener;

use crate::frames::Kind;
use crate::socket::Socket;

/// How long an address may still be in use by the process before this one.
const IN_USE: Duration = Duration::from_secs(5);

/// Connections at one time; further ones wait in the backlog of the operating system.
pub(crate) const CONNECTIONS_MAX: usize = 1024;

/// Listens at `address`.
pub(crate) async fn listen(env: &Env, address: &str) -> Result<Box<dyn Listener>, String> {
    let end = env.now() + IN_USE;
    loop {
        match env.listen("zeromq://", address).await {
            Ok((listener, _)) => return Ok(listener),
            Err(error) if env.now() >= end => return Err(error),
            Err(_) => env.sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Serves each connection until it ends. All of them end when this is dropped.
pub(crate) async fn serve<F: Future<Output = ()>>(
    env: Env,
    listener: Box<dyn Listener>,
    own: Kind,
    mut each: impl FnMut(Socket) -> F,
) {
    let (mut greeted, mut served) = (FuturesUnordered::new(), FuturesUnordered::new());
    loop {
        let has_room = greeted.len() + served.len() < CONNECTIONS_MAX;
        tokio::select! {
            Some(()) = served.next(), if !served.is_empty() => {}
            Some(socket) = greeted.next(), if !greeted.is_empty() => {
                // What says no hello of ZeroMQ is no concern of an operator.
                if let Ok(socket) = socket {
                    served.push(each(socket));
                }
            }
            accepted = listener.accept(), if has_room => match accepted.map(|it| (it.attach)()) {
                Ok(Ok(conn)) => greeted.push(Socket::greet(&env, conn, own)),
                // No descriptors are left, for one: it passes.
                Ok(Err(_)) | Err(_) => env.sleep(Duration::from_millis(50)).await,
            },
        }
    }
}
