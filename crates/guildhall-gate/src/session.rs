//! [`SessionActor`]: the session of a player. It orders the player's logins and numbers the pushes to it.

use std::time::Duration;

use bytes::Bytes;
use guildhall_core::env::Instant;
use guildhall_core::status::reason;
use guildhall_core::{AppId, Code, Incarnation, Status};
use guildhall_runtime::proto::{
    DeliverReq, GateClient, OpenReq, OpenRsp, PushChain, PushReq, Session, SessionMove, SessionReq,
};
use guildhall_runtime::{Actor, ActorCx};
use guildhall_wire::Generation;
use prost::Message as _;

/// The session of a player: serve it with `.actor::<SessionActor>(SessionServer)` in the apps that own the players'
/// actors.
///
/// It lives in memory only and moves with its memory, so a planned move loses no push. After a crash of its app, the gate announces the
/// session to the next owner, which numbers pushes from the beginning; pushes in between are lost, and the client gets a RESET. Gates
/// announce each session every 30 s and soon after the mesh has changed, so an `actor.session.idle_ms` below 90 s loses pushes.
#[derive(Debug)]
pub struct SessionActor {
    present: Option<Present>,
    /// The generation of the latest login, also after its end.
    generation: Generation,
    /// For each app that pushes: its chain, and the number of its last push. The most recent is the last.
    chains: Vec<(u64, u64)>,
}

/// Apps whose pushes to one player are counted; one more replaces the one that was silent for the longest time.
const CHAINS_MAX: usize = 16;

/// The current login.
#[derive(Debug)]
struct Present {
    session: String,
    gate: AppId,
    /// The incarnation of the gate: the login ends with it.
    life: Incarnation,
    since_ms: u64,
    pushes: u64,
    /// When its gate last announced it; `None` if it has moved here and its gate has not announced it since.
    heard: Option<Instant>,
}

/// The current login of a connected player.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connected<'a> {
    /// The app whose gate holds the connection.
    pub gate: &'a AppId,
    /// The random id of the session.
    pub session: &'a str,
    /// Time of the login by the gate's clock, in ms since the Unix epoch. For display only: logins are not ordered by it.
    pub since_ms: u64,
}

/// Gates announce a session every 30 s. A session that was not announced for three times as long has no connection.
const SILENT: Duration = Duration::from_secs(90);

impl SessionActor {
    /// The player's current login; `None` when the player is not connected. It ends with the login, with the incarnation of the gate's app, and
    /// when the gate has not announced it for 90 s. This query does not extend it.
    pub fn connected(&mut self, cx: &ActorCx) -> Option<Connected<'_>> {
        let now = cx.env().now();
        let present = self.present.as_mut()?;
        let heard = *present.heard.get_or_insert(now);
        let is_silent = now.saturating_duration_since(heard) >= SILENT;
        if is_silent || !cx.is_linked(&present.gate, present.life) {
            if is_silent {
                self.present = None;
                cx.deactivate();
            }
            // A link that is broken for a moment comes back; a life does not, and is silent then.
            return None;
        }
        let Present { gate, session, since_ms, .. } = self.present.as_ref()?;
        Some(Connected { gate, session, since_ms: *since_ms })
    }
}

impl SessionActor {
    /// Whether no push of the chain was lost before this one, as far as is known here.
    fn is_next(&mut self, chain: u64, number: u64) -> bool {
        if chain == 0 {
            return true;
        }
        let at = self.chains.iter().position(|(known, _)| *known == chain);
        let last = at.map(|at| self.chains.remove(at).1);
        if self.chains.len() >= CHAINS_MAX {
            self.chains.remove(0);
        }
        self.chains.push((chain, number));
        last.is_none_or(|last| last.checked_add(1) == Some(number))
    }
}

impl Actor for SessionActor {
    const NAME: &'static str = "session";
    type Key = String;
    type State = ();

    async fn activate(_cx: &ActorCx, _player: String, _state: ()) -> Result<Self, Status> {
        let generation = Generation::default();
        Ok(Self { present: None, generation, chains: Vec::new() })
    }

    fn move_out(&mut self) -> Bytes {
        let Generation { epoch, number } = self.generation;
        let chain = |&(chain, number): &(u64, u64)| PushChain { chain, number };
        let chains = self.chains.iter().map(chain).collect();
        let mut moved = SessionMove { epoch, generation: number, chains, ..SessionMove::default() };
        if let Some(present) = &self.present {
            moved.session.clone_from(&present.session);
            moved.gate = present.gate.to_string();
            moved.gate_life = present.life.0;
            moved.since_ms = present.since_ms;
            moved.pushes = present.pushes;
        }
        moved.encode_to_vec().into()
    }

    fn move_in(&mut self, payload: Bytes) {
        let Ok(moved) = SessionMove::decode(payload) else {
            tracing::error!(
                "the payload of a moved session does not decode; its gate will announce the session again"
            );
            return;
        };
        let SessionMove { generation, session, gate, pushes, epoch, .. } = moved;
        let (gate_life, since_ms) = (moved.gate_life, moved.since_ms);
        self.chains = moved.chains.iter().take(CHAINS_MAX).map(|c| (c.chain, c.number)).collect();
        self.generation = Generation { epoch, number: generation };
        let life = Incarnation(gate_life);
        self.present = gate.parse().ok().map(|gate| Present {
            session,
            gate,
            life,
            since_ms,
            pushes,
            heard: None,
        });
    }
}

fn gate_of(gate: &str) -> Result<AppId, Status> {
    gate.parse().map_err(|error| {
        Status::new(Code::InvalidArgument, format!("the gate: {error}"))
            .with_reason(reason::BAD_REQUEST)
    })
}

fn login_of(req: &SessionReq) -> Generation {
    Generation { epoch: req.epoch, number: req.generation }
}

impl Session for SessionActor {
    async fn open(&mut self, cx: &ActorCx, req: OpenReq) -> Result<OpenRsp, Status> {
        let gate = gate_of(&req.gate)?;
        let earlier = std::mem::replace(&mut self.generation, cx.next_generation()?);
        let next = Present {
            session: req.session,
            gate,
            life: Incarnation(req.gate_life),
            since_ms: req.since_ms,
            pushes: 0,
            heard: Some(cx.env().now()),
        };
        if let Some(before) = self.present.replace(next) {
            let kick = SessionReq {
                player: req.player,
                session: before.session,
                generation: earlier.number,
                epoch: earlier.epoch,
                reason: reason::KICKED.number(),
                ..SessionReq::default()
            };
            // A gate that cannot be reached has no clients to kick, or will not keep them for long.
            let _gone = GateClient::new(cx).at(&before.gate).kick(kick).await;
        }
        let Generation { epoch, number } = self.generation;
        Ok(OpenRsp { generation: number, epoch })
    }

    async fn touch(&mut self, cx: &ActorCx, req: SessionReq) -> Result<(), Status> {
        // Only the gate that holds the connection sends it; an owner from before may have sent it on.
        let gate = gate_of(&req.gate)?;
        let login = login_of(&req);
        if login < self.generation {
            let kick = SessionReq { reason: reason::KICKED.number(), ..req };
            return GateClient::new(cx).at(&gate).kick(kick).await;
        }
        let heard = Some(cx.env().now());
        if login > self.generation {
            self.generation = login;
            let (life, since_ms) = (Incarnation(req.gate_life), req.since_ms);
            let session = req.session;
            self.present = Some(Present { session, gate, life, since_ms, pushes: 0, heard });
        } else if let Some(present) = &mut self.present {
            present.heard = heard;
        }
        Ok(())
    }

    async fn close(&mut self, cx: &ActorCx, req: SessionReq) -> Result<(), Status> {
        // Its id is random, and names this login alone.
        if self.present.as_ref().is_some_and(|present| present.session == req.session) {
            self.present = None;
            cx.deactivate();
        }
        Ok(())
    }

    async fn push(&mut self, cx: &ActorCx, req: PushReq) -> Result<(), Status> {
        let is_next = self.is_next(req.chain, req.number);
        let Some(present) = &mut self.present else { return Ok(()) };
        // One that was lost has its number too: the gate finds it missing, and tells the client.
        present.pushes += if is_next { 1 } else { 2 };
        let deliver = DeliverReq {
            player: req.player,
            generation: self.generation.number,
            epoch: self.generation.epoch,
            seq: present.pushes,
            method: req.method,
            body: req.body,
        };
        GateClient::new(cx).at(&present.gate).deliver(deliver).await
    }
}
