//! [`SessionActor`]: one per player with a connection; says which login is the present one and numbers its pushes.

use bytes::Bytes;
use guildhall_core::status::reason;
use guildhall_core::{AppId, Code, Status};
use guildhall_runtime::proto::{
    DeliverReq, GateClient, OpenReq, OpenRsp, PushReq, Session, SessionReq,
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
        let (session, gate, pushes) = match &self.present {
            Some(Present { session, gate, pushes }) => (session.clone(), gate.to_string(), *pushes),
            None => Default::default(),
        };
        Moving { generation: self.generation, session, gate, pushes }.encode_to_vec().into()
    }

    fn move_in(&mut self, payload: Bytes) {
        let Ok(Moving { generation, session, gate, pushes }) = Moving::decode(payload) else {
            tracing::error!("a session that has moved here is unreadable: its gate will touch it");
            return;
        };
        self.generation = generation;
        self.present = gate.parse().ok().map(|gate| Present { session, gate, pushes });
    }
}

/// A session on its way to another app.
#[derive(Clone, PartialEq, prost::Message)]
struct Moving {
    #[prost(uint64, tag = "1")]
    generation: u64,
    #[prost(string, tag = "2")]
    session: String,
    /// Empty where there is no present login.
    #[prost(string, tag = "3")]
    gate: String,
    #[prost(uint64, tag = "4")]
    pushes: u64,
}

impl Session for SessionActor {
    async fn open(&mut self, cx: &Cx, req: OpenReq) -> Result<OpenRsp, Status> {
        let gate: AppId = req.gate.parse().map_err(|error| {
            Status::new(Code::InvalidArgument, format!("the gate: {error}"))
                .with_reason(reason::BAD_REQUEST)
        })?;
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
            };
            // A gate that cannot be reached has no clients to kick, or will not keep them for long.
            let _gone = GateClient::new(cx).at(&before.gate).kick(kick).await;
        }
        Ok(OpenRsp { generation: self.generation })
    }

    async fn touch(&mut self, cx: &Cx, req: SessionReq) -> Result<(), Status> {
        // Only the gate that holds the connection sends it.
        let gate = cx.caller().unwrap_or(cx.app_id()).clone();
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
