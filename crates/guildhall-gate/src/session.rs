//! [`SessionActor`]: one per player with a connection; says which login is the present one and numbers its pushes.

use bytes::Bytes;
use guildhall_core::status::reason;
use guildhall_core::{AppId, Code, Status};
use guildhall_runtime::proto::{
    DeliverReq, GateClient, OpenReq, OpenRsp, PushReq, Session, SessionMove, SessionReq,
};
use guildhall_runtime::{Actor, Cx};
use prost::Message as _;

/// A player's session: `.actor::<SessionActor, _>(|a| a.serve(SessionServer))`, where the player's own actors live.
///
/// Kept in memory alone, and moved with it: a planned move loses no push. When its app has crashed, the gate's next touch makes it
/// known to the next owner, which numbers pushes afresh; those in between are lost, and the client is told by RESET. Gates touch it
/// every 30 s and soon after the mesh has changed, so an `idle_ms` of its `[actor.session]` below 90 s loses pushes.
#[derive(Debug)]
pub struct SessionActor {
    present: Option<Present>,
    /// Of the latest login, also when it is gone.
    generation: u64,
    state: (),
}

/// The login that counts.
#[derive(Debug)]
struct Present {
    session: String,
    gate: AppId,
    pushes: u64,
}

impl SessionActor {
    /// The gate that holds the player's connection; `None` while there is none.
    pub fn gate(&self) -> Option<&AppId> {
        self.present.as_ref().map(|present| &present.gate)
    }

    /// Of the latest login, also when its connection is gone: the wall clock's µs at that moment, or more where the clocks of
    /// apps disagree. 0 where no login is known.
    pub fn generation(&self) -> u64 {
        self.generation
    }
}

impl Actor for SessionActor {
    const NAME: &'static str = "session";
    type Key = String;
    type State = ();

    async fn activate(_cx: &Cx, _player: String, state: ()) -> Result<Self, Status> {
        Ok(Self { present: None, generation: 0, state })
    }

    fn state(&mut self) -> &mut () {
        &mut self.state
    }

    fn move_out(&mut self) -> Bytes {
        let present = self.present.as_ref();
        let moved = SessionMove {
            generation: self.generation,
            session: present.map(|present| present.session.clone()).unwrap_or_default(),
            gate: present.map(|present| present.gate.to_string()).unwrap_or_default(),
            pushes: present.map_or(0, |present| present.pushes),
        };
        moved.encode_to_vec().into()
    }

    fn move_in(&mut self, payload: Bytes) {
        let Ok(moved) = SessionMove::decode(payload) else {
            tracing::error!("a session that has moved here is unreadable: its gate will touch it");
            return;
        };
        let SessionMove { generation, session, gate, pushes } = moved;
        self.generation = generation;
        self.present = gate.parse().ok().map(|gate| Present { session, gate, pushes });
    }
}

fn gate_of(gate: &str) -> Result<AppId, Status> {
    gate.parse().map_err(|error| {
        Status::new(Code::InvalidArgument, format!("the gate: {error}"))
            .with_reason(reason::BAD_REQUEST)
    })
}

impl Session for SessionActor {
    async fn open(&mut self, cx: &Cx, req: OpenReq) -> Result<OpenRsp, Status> {
        let gate = gate_of(&req.gate)?;
        // The wall clock puts it above those of earlier activations, wherever they were.
        let wall = u64::try_from(cx.env().wall().as_micros()).unwrap_or(u64::MAX);
        let earlier = self.generation;
        self.generation = wall.max(earlier + 1);
        let next = Present { session: req.session, gate, pushes: 0 };
        if let Some(before) = self.present.replace(next) {
            let kick = SessionReq {
                player: req.player,
                session: before.session,
                generation: earlier,
                reason: reason::KICKED,
                gate: String::new(),
            };
            // A gate that cannot be reached has no clients to kick, or will not keep them for long.
            let _gone = GateClient::new(cx).at(&before.gate).kick(kick).await;
        }
        Ok(OpenRsp { generation: self.generation })
    }

    async fn touch(&mut self, cx: &Cx, req: SessionReq) -> Result<(), Status> {
        // Only the gate that holds the connection sends it; an owner from before may have sent it on.
        let gate = gate_of(&req.gate)?;
        if req.generation < self.generation {
            let kick = SessionReq { reason: reason::KICKED, ..req };
            return GateClient::new(cx).at(&gate).kick(kick).await;
        }
        if req.generation > self.generation {
            self.generation = req.generation;
            self.present = Some(Present { session: req.session, gate, pushes: 0 });
        }
        Ok(())
    }

    async fn close(&mut self, cx: &Cx, req: SessionReq) -> Result<(), Status> {
        let of = |present: &Present| present.session == req.session;
        if self.present.as_ref().is_some_and(of) && self.generation == req.generation {
            self.present = None;
            cx.deactivate();
        }
        Ok(())
    }

    async fn push(&mut self, cx: &Cx, req: PushReq) -> Result<(), Status> {
        let Some(present) = &mut self.present else { return Ok(()) };
        present.pushes += 1;
        let deliver = DeliverReq {
            player: req.player,
            generation: self.generation,
            seq: present.pushes,
            method: req.method,
            body: req.body,
        };
        GateClient::new(cx).at(&present.gate).deliver(deliver).await
    }
}
