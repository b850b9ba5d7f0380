//! Keeps a mirror up to date by watch streams.

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::outside;

use super::{Meaning, Mirror};
use crate::fault::Fault;
use crate::keys::after;
use crate::proto::watch_request::RequestUnion;
use crate::proto::{WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchResponse};
use crate::txn::revision_of;

/// After so long without a message the server is asked for one, and after as long again the connection is given up.
const SILENCE: Duration = Duration::from_secs(3);

/// Keeps a mirror, over as many streams as it takes, until nobody watches.
pub(super) async fn follow<M: Meaning>(mirror: Arc<Mirror<M>>) {
    let (client, env) = (&mirror.client, &mirror.client.env);
    // The first stream goes on from the read of the first watcher.
    let mut from = Some(mirror.state.lock().revision);
    while mirror.is_watched() {
        let stream = async {
            let from = match from.take() {
                Some(revision) => revision,
                None => mirror.read_again().await?,
            };
            stream(&mirror, from + 1).await
        };
        match stream.await {
            Ok(()) => return,
            // It is read again at once.
            Err(Fault::Compacted) => {}
            Err(fault) => {
                tracing::debug!(%fault, "etcd watch ended; it is opened again");
                env.sleep(client.outage.pause()).await;
            }
        }
    }
}

/// One watch stream; `Ok` when nobody watches any more.
async fn stream<M: Meaning>(mirror: &Mirror<M>, from: i64) -> Result<(), Fault> {
    let Mirror { client, prefix, .. } = mirror;
    let env = &client.env;
    let connected = env.until(env.now() + SILENCE, client.connection()).await.flatten();
    let connection = connected.ok_or_else(|| Fault::Unreachable("no connection".to_owned()))?;
    let create =
        WatchCreateRequest { key: prefix.clone(), range_end: after(prefix), start_revision: from };
    let create = WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
    let silent = || Fault::Unknown("etcd's watch stream is silent".to_owned());
    let opening = env.until(env.now() + client.settings.deadline, connection.watch(create)).await;
    let Some(opened) = opening else {
        client.lost(&connection, &silent());
        return Err(silent());
    };
    let (requests, mut answers) = opened.map_err(|status| Fault::of(&status))?;
    let mut asked = false;
    loop {
        let message = env.until(env.now() + SILENCE, answers.message()).await;
        match message {
            Some(Ok(Some(message))) => {
                asked = false;
                connection.note_answer();
                take(mirror, message)?;
            }
            Some(Ok(None)) => {
                return Err(Fault::Unknown("etcd closed the watch stream".to_owned()));
            }
            Some(Err(status)) => return Err(Fault::of(&status)),
            None if connection.is_closed() => return Err(silent()),
            None if asked => {
                client.lost(&connection, &silent());
                return Err(silent());
            }
            None => {
                if !mirror.is_watched() {
                    return Ok(());
                }
                asked = true;
                let progress = RequestUnion::ProgressRequest(WatchProgressRequest {});
                let ask = WatchRequest { request_union: Some(progress) };
                // A full queue is a silent server, which is noticed the next time.
                drop(requests.try_send(ask));
            }
        }
    }
}

fn take<M: Meaning>(mirror: &Mirror<M>, message: WatchResponse) -> Result<(), Fault> {
    if message.compact_revision != 0 {
        return Err(Fault::Compacted);
    }
    if message.canceled {
        let why = outside(&message.cancel_reason);
        return Err(Fault::Refused(format!("the watch was cancelled: {why}")));
    }
    // A message without events is the answer to a question for progress. Its revision is not used: in some releases it
    // overtakes events.
    if !message.events.is_empty() {
        revision_of(message.header.as_ref())?;
        mirror.state.lock().apply(mirror.root, message.events);
    }
    Ok(())
}
