//! Pushes: messages to players, through their session actors or through all gates; each is encoded once.

use std::collections::BTreeMap;

use bytes::Bytes;
use guildhall_core::{Code, KeyText, MethodDesc, Status, slot_of};
use parking_lot::Mutex;
use prost::Message;

use crate::call;
use crate::call::{Cx, Target};
use crate::observe::trace::SpanKind;
use crate::proto::{DeliverAllReq, GateClient, PushReq, SessionClient};

/// The players that a push goes to.
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

/// Sends a push on its way. It is numbered by the player's session; one to all players has no number, and a player that is not connected
/// misses it.
pub(crate) async fn push<M: Message>(
    cx: &Cx,
    method: &'static MethodDesc,
    to: Players,
    message: M,
) -> Result<(), Status> {
    let mut cx = cx.clone();
    let mut span = cx.enter_span(SpanKind::Push, method.path);
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
    let mut sent = Ok(());
    for player in players {
        let push = PushReq { player, method, body: body.clone(), ..PushReq::default() };
        // A list goes as far as it can.
        sent = sent.and(cx.core.part::<Pushed>().send(cx, push));
    }
    sent
}

/// Shards of [`Pushed`], so that workers do not wait for each other.
const SHARDS: u32 = 16;

/// Counts what this app has pushed to each player: a session that misses a number knows that a push was lost on its way.
#[derive(Debug)]
pub(crate) struct Pushed {
    shards: Vec<Mutex<Shard>>,
    /// Players of one shard.
    max: usize,
}

#[derive(Debug, Default)]
struct Shard {
    chain: u64,
    numbers: BTreeMap<String, u64>,
}

impl Pushed {
    /// Counts for so many players; with one more some are counted anew.
    pub(crate) fn new(max: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, max: max.div_ceil(SHARDS as usize) }
    }

    /// Numbers a push and hands it over, which is one step: two of them would come in another order than they are numbered.
    fn send(&self, cx: &Cx, mut push: PushReq) -> Result<(), Status> {
        let Some(shard) = self.shards.get(slot_of(&push.player, SHARDS) as usize) else {
            return Ok(());
        };
        let mut shard = shard.lock();
        let known = shard.numbers.get(&push.player).copied();
        if shard.chain == 0 || (known.is_none() && shard.numbers.len() >= self.max) {
            *shard = Shard { chain: cx.env().random().max(1), numbers: BTreeMap::new() };
        }
        (push.chain, push.number) = (shard.chain, known.unwrap_or_default() + 1);
        match shard.numbers.get_mut(&push.player) {
            Some(number) => *number = push.number,
            None => drop(shard.numbers.insert(push.player.clone(), push.number)),
        }
        let method = SessionClient::PUSH.desc;
        // Also one that is not taken has its number: who sends it may not look.
        call::cast(cx, method, &Target::Default, |push| KeyText::Text(&push.player), push)
    }
}

async fn all(cx: &Cx, req: DeliverAllReq) -> Result<(), Status> {
    GateClient::all(cx).deliver_all(req).await
}
