//! Presence: the gate of each connected player, since when, and the app of its role.
//!
//! The actor is the player's session as gates know it, and answers questions beside. So there is no second list to keep in step:
//! a login makes the presence in the same turn in which the gate's session begins, and only the end of that login ends it, or that
//! of its gate. Nothing is stored. A planned restart takes all presences to another app, so nobody is offline meanwhile, and no push is lost. After a
//! crash the gates touch their sessions again, within seconds; the role's app is known again from its next login.
//!
//! All players are one slot (`actor.session.slots`): one app knows who is online, and another is there to take over. They move in
//! one message, so `link.frame_max` (4 MiB) bounds them: some 30,000 players. A game with more of them takes more slots.

use futures_util::future::join_all;
use guildhall::gate::{OpenReq, OpenRsp, PushReq, Session, SessionActor, SessionReq};
use guildhall::{Actor, ActorCx, Bytes, Cx, DeactivateReason, Status};
use prost::Message as _;

use crate::proto::online::{Moving, Online, OnlineClient, PlayingReq, Presence, ReadReq, ReadRsp};

/// A player's session and presence: `.actor::<OnlineActor>((SessionServer, OnlineServer))`.
#[derive(Debug)]
pub struct OnlineActor {
    session: SessionActor,
    /// In which session the role plays, and in which app.
    playing: Option<(String, String)>,
}

impl Actor for OnlineActor {
    const NAME: &'static str = SessionActor::NAME;
    type Key = String;
    type State = ();

    async fn activate(cx: &ActorCx, player: String, state: ()) -> Result<Self, Status> {
        Ok(Self { session: SessionActor::activate(cx, player, state).await?, playing: None })
    }

    async fn deactivate(&mut self, cx: &ActorCx, reason: DeactivateReason) {
        self.session.deactivate(cx, reason).await;
    }

    fn move_out(&mut self) -> Bytes {
        let (playing, app) = self.playing.clone().unwrap_or_default();
        Moving { session: self.session.move_out(), playing, app }.encode_to_vec().into()
    }

    fn move_in(&mut self, payload: Bytes) {
        let Ok(Moving { session, playing, app }) = Moving::decode(payload) else {
            tracing::error!(
                "the payload of a moved presence does not decode; its gate will announce it again"
            );
            return;
        };
        self.session.move_in(session);
        self.playing = (!playing.is_empty()).then_some((playing, app));
    }
}

impl Session for OnlineActor {
    async fn open(&mut self, cx: &ActorCx, req: OpenReq) -> Result<OpenRsp, Status> {
        self.session.open(cx, req).await
    }

    async fn touch(&mut self, cx: &ActorCx, req: SessionReq) -> Result<(), Status> {
        self.session.touch(cx, req).await
    }

    async fn close(&mut self, cx: &ActorCx, req: SessionReq) -> Result<(), Status> {
        self.session.close(cx, req).await
    }

    async fn push(&mut self, cx: &ActorCx, req: PushReq) -> Result<(), Status> {
        self.session.push(cx, req).await
    }
}

impl Online for OnlineActor {
    async fn read(&mut self, cx: &ActorCx, _req: ReadReq) -> Result<ReadRsp, Status> {
        let presence = self.session.connected(cx).map(|connected| {
            let playing = self.playing.as_ref().filter(|(of, _)| of == connected.session);
            Presence {
                gate: connected.gate.to_string(),
                app: playing.map(|(_, app)| app.clone()).unwrap_or_default(),
                since_ms: connected.since_ms,
            }
        });
        Ok(ReadRsp { presence })
    }

    async fn playing(&mut self, cx: &ActorCx, req: PlayingReq) -> Result<(), Status> {
        let app = cx.caller().unwrap_or(cx.app_id());
        self.playing = Some((req.session, app.to_string()));
        Ok(())
    }
}

/// Where each of `players` is; `None` for one that is not connected, or of whom nothing can be learnt now. All are asked at once:
/// a list has a bound.
pub async fn read(cx: &Cx, players: &[String]) -> Vec<Option<Presence>> {
    let one = |player: &String| {
        let read = OnlineClient::new(cx).read(ReadReq { player: player.clone() });
        async { read.await.ok()?.presence }
    };
    join_all(players.iter().map(one)).await
}
