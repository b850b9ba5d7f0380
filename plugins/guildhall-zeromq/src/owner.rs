//! [`Owner`]: an app that has queues, as the apps that push see it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use guildhall_core::Env;
use guildhall_core::backend::Outage;
use tokio::sync::mpsc;

use crate::backlog::{Backlog, Waiting};
use crate::config::Settings;
use crate::frames::Kind;
use crate::socket::Socket;

/// Items that wait for an app, and whether it is linked.
pub(crate) struct Owner {
    backlog: Backlog,
    is_up: Arc<AtomicBool>,
}

impl Owner {
    /// The app at `address`, and what sends to it.
    pub(crate) fn new(
        env: &Env,
        address: &str,
        settings: &Settings,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (backlog, waiting) = Backlog::new(settings);
        let is_up = Arc::new(AtomicBool::new(false));
        let sending = send_all(env.clone(), address.to_owned(), waiting, Arc::clone(&is_up));
        (Self { backlog, is_up }, sending)
    }

    pub(crate) fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Relaxed)
    }

    /// Keeps an item until it is sent; `false` if there is no room.
    pub(crate) fn offer(&self, item: &[Bytes]) -> bool {
        self.backlog.offer(item)
    }
}

/// Sends until the backlog is closed, and dials again whenever the app is lost.
async fn send_all(
    env: Env,
    address: String,
    mut waiting: mpsc::Receiver<Waiting>,
    is_up: Arc<AtomicBool>,
) {
    let outage = Outage::new(&env, "zeromq", &*address);
    let mut held = None;
    loop {
        let why = match Socket::dial(&env, &address, Kind::Push).await {
            Ok(socket) => {
                outage.worked();
                is_up.store(true, Ordering::Relaxed);
                let ended = send_some(socket, &mut waiting, &mut held).await;
                is_up.store(false, Ordering::Relaxed);
                match ended {
                    Some(why) => why,
                    None => return,
                }
            }
            Err(why) => why,
        };
        outage.failed(&why);
        env.sleep(outage.pause()).await;
    }
}

/// Sends until the app is lost, and why it was. An item whose send failed stays in `held`: the app cannot have taken it, as its last
/// bytes were not sent.
async fn send_some(
    mut socket: Socket,
    waiting: &mut mpsc::Receiver<Waiting>,
    held: &mut Option<Waiting>,
) -> Option<String> {
    loop {
        let item = match held.take() {
            Some(item) => item,
            None => tokio::select! {
                biased;
                // Nothing is said on this connection; its end is noticed here.
                lost = socket.next() => match lost {
                    Ok(_) => continue,
                    Err(why) => return Some(why),
                },
                item = waiting.recv() => item?,
            },
        };
        if let Err(why) = socket.send(&item.frames).await {
            *held = Some(item);
            return Some(why);
        }
    }
}
