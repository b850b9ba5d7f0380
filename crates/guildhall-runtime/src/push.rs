//! Pushes: messages to players, by their sessions or by all gates; a message is encoded once, whoever gets it.

use bytes::Bytes;
use guildhall_core::{Code, MethodDesc, Status};
use prost::Message;

use crate::cx::Cx;
use crate::proto::{DeliverAllReq, GateClient, PushReq, SessionClient};
use crate::trace::SpanKind;

/// Whom a push goes to.
#[derive(Clone, Debug)]
pub enum Players {
    /// One player.
    One(String),
    /// Each of these.
    List(Vec<String>),
    /// Every player with a connection.
    All,
    /// Every player with a connection but this one.
    Others(String),
}

/// Sends a push on its way. It is numbered by the player's session; one to all players has no number, and who is not connected
/// misses it.
pub(crate) async fn push<M: Message>(
    cx: &Cx,
    method: &'static MethodDesc,
    to: Players,
    message: M,
) -> Result<(), Status> {
    let (cx, mut span) = cx.clone().span(SpanKind::Push, method.path);
    let sent = send(&cx, method.id, to, message.encode_to_vec().into()).await;
    if let Some(span) = &mut span {
        span.set(sent.as_ref().err().map_or(Code::Ok, Status::code));
    }
    sent
}

async fn send(cx: &Cx, method: u32, to: Players, body: Bytes) -> Result<(), Status> {
    let players = match to {
        Players::One(player) => vec![player],
        Players::List(players) => players,
        Players::All => {
            return all(cx, DeliverAllReq { method, body, except: String::new() }).await;
        }
        Players::Others(except) => return all(cx, DeliverAllReq { method, body, except }).await,
    };
    let sessions = SessionClient::new(cx);
    let mut sent = Ok(());
    for player in players {
        // A list goes as far as it can.
        sent = sent.and(sessions.push(PushReq { player, method, body: body.clone() }).await);
    }
    sent
}

async fn all(cx: &Cx, req: DeliverAllReq) -> Result<(), Status> {
    GateClient::all(cx).deliver_all(req).await
}
