//! [`PlainMember`]: a member of a room as most tests want one.

use guildhall::{Actor, ActorCx, Status};

use crate::room::{EarnReq, InfoReq, JoinReq, Member, MemberRsp, MemberStateEntity};

/// A member that is kept in a store, and does what its methods say.
#[derive(Debug)]
pub struct PlainMember {
    state: MemberStateEntity,
}

impl PlainMember {
    /// Points that delete the member who earns them.
    pub const LAST_POINTS: i64 = -1;

    /// A member that joins with this name gets a point and no name. A name is unique and so saved at once, points are saved later.
    pub const NAMELESS: &'static str = "nameless";

    fn answer(&self) -> Result<MemberRsp, Status> {
        Ok(MemberRsp { member: Some((*self.state).clone()) })
    }
}

impl Actor for PlainMember {
    const NAME: &'static str = "member";
    type Key = String;
    type State = MemberStateEntity;

    async fn activate(
        _cx: &ActorCx,
        _key: String,
        state: MemberStateEntity,
    ) -> Result<Self, Status> {
        Ok(Self { state })
    }

    fn state(&mut self) -> &mut MemberStateEntity {
        &mut self.state
    }
}

impl Member for PlainMember {
    /// An empty name changes nothing.
    async fn join(&mut self, _cx: &ActorCx, req: JoinReq) -> Result<MemberRsp, Status> {
        match &*req.name {
            "" => {}
            Self::NAMELESS => *self.state.points_mut() += 1,
            _ => self.state.set_name(req.name),
        }
        self.answer()
    }

    async fn info(&mut self, _cx: &ActorCx, _req: InfoReq) -> Result<MemberRsp, Status> {
        self.answer()
    }

    async fn earn(&mut self, _cx: &ActorCx, req: EarnReq) -> Result<MemberRsp, Status> {
        match req.points {
            Self::LAST_POINTS => self.state.delete(),
            points => *self.state.points_mut() += points,
        }
        self.answer()
    }

    async fn leave(&mut self, _cx: &ActorCx, _req: InfoReq) -> Result<(), Status> {
        self.state.delete();
        Ok(())
    }

    async fn kick(&mut self, _cx: &ActorCx, _req: InfoReq) -> Result<(), Status> {
        panic!("a test asked for a panic")
    }
}
