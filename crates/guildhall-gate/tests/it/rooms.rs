//! Rooms, whose key is what the client sends, and members, whose key is the session's player.

use guildhall::{Actor, ActorCx, Status};
use proto::room::{
    AnnounceReq, CountRsp, EarnReq, FailReq, InfoReq, JoinReq, Member, MemberRsp, MemberState,
    RelayReq, RelayRsp, Room, RoomEvents, RoomReq, SaidMsg, SayReq, SayRsp, WaitReq, WaitRsp,
};

/// Tells everybody what is said, and the speaker how many spoke before.
pub(crate) struct Hall {
    id: i64,
    said: u64,
}

impl Actor for Hall {
    const NAME: &'static str = "hall";
    type Key = i64;
    type State = ();

    async fn activate(_cx: &ActorCx, id: i64, _state: ()) -> Result<Self, Status> {
        Ok(Self { id, said: 0 })
    }
}

impl Room for Hall {
    /// `all: x` goes to everybody, `others: x` to all but the speaker, `to bob: x` to bob; `slow` takes 300 ms.
    async fn say(&mut self, cx: &ActorCx, req: SayReq) -> Result<SayRsp, Status> {
        let player = cx.player().unwrap_or_default().to_owned();
        if let Some((to, text)) = req.text.split_once(": ") {
            let said = SaidMsg { room: self.id, player: player.clone(), text: text.to_owned() };
            match to.strip_prefix("to ") {
                Some(other) => RoomEvents::to(cx, other).said(said).await?,
                None if to == "others" => RoomEvents::others(cx, player).said(said).await?,
                None => RoomEvents::all(cx).said(said).await?,
            }
        }
        if req.text == "slow" {
            cx.env().sleep(std::time::Duration::from_millis(300)).await;
        }
        self.said += 1;
        Ok(SayRsp { number: self.said - 1 })
    }

    async fn shout(&mut self, _cx: &ActorCx, _req: SayReq) -> Result<(), Status> {
        Ok(())
    }

    async fn announce(&mut self, _cx: &ActorCx, _req: AnnounceReq) -> Result<(), Status> {
        Ok(())
    }

    async fn wait(&mut self, _cx: &ActorCx, _req: WaitReq) -> Result<WaitRsp, Status> {
        Ok(WaitRsp::default())
    }

    async fn panic(&mut self, _cx: &ActorCx, _req: RoomReq) -> Result<(), Status> {
        Ok(())
    }

    async fn fail(&mut self, _cx: &ActorCx, _req: FailReq) -> Result<(), Status> {
        Ok(())
    }

    async fn relay(&mut self, _cx: &ActorCx, _req: RelayReq) -> Result<RelayRsp, Status> {
        Ok(RelayRsp::default())
    }

    async fn count(&mut self, _cx: &ActorCx, _req: RoomReq) -> Result<CountRsp, Status> {
        Ok(CountRsp { count: self.said })
    }
}

/// Says who it is: its own key, and what the request says. Its points are how often it has joined.
pub(crate) struct Guest {
    player: String,
    joins: i64,
}

impl Actor for Guest {
    const NAME: &'static str = "guest";
    type Key = String;
    type State = ();

    async fn activate(_cx: &ActorCx, player: String, _state: ()) -> Result<Self, Status> {
        Ok(Self { player, joins: 0 })
    }
}

impl Guest {
    fn describe(&self, name: String) -> MemberRsp {
        let (player, points) = (self.player.clone(), self.joins);
        MemberRsp { member: Some(MemberState { player, name, points, ..MemberState::default() }) }
    }
}

impl Member for Guest {
    async fn join(&mut self, _cx: &ActorCx, req: JoinReq) -> Result<MemberRsp, Status> {
        self.joins += 1;
        Ok(self.describe(req.player))
    }

    async fn info(&mut self, _cx: &ActorCx, req: InfoReq) -> Result<MemberRsp, Status> {
        Ok(self.describe(req.player))
    }

    async fn earn(&mut self, _cx: &ActorCx, _req: EarnReq) -> Result<MemberRsp, Status> {
        Ok(MemberRsp::default())
    }

    async fn leave(&mut self, _cx: &ActorCx, _req: InfoReq) -> Result<(), Status> {
        Ok(())
    }

    async fn kick(&mut self, _cx: &ActorCx, _req: InfoReq) -> Result<(), Status> {
        Ok(())
    }
}
