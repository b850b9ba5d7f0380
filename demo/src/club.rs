//! Clubs: one actor each, which owns the list of its members.
//!
//! How it comes that nobody is in two clubs is written in [`roles`].
//!
//! Clubs are owned by slots, as all actors are, as many as the app has: one app's crash or move is a share of them. Each is active
//! from when it is made until it is cancelled, in the app that owns its slot, whoever calls it
//! ([`ALWAYS_ACTIVE`](crate::serve::ALWAYS_ACTIVE)): no call of a member waits for a claim.

pub mod roles;

use guildhall::status::reason;
use guildhall::{Actor, ActorCx, Code, Cx, ErrorEnum as _, Status};

use crate::proto::club::{
    Club, ClubError, ClubReq, ClubRoleClient, ClubStateEntity, ReadReq, ReadRsp, SayReq, SayRsp,
    TakeReq, WasRsp,
};
use crate::proto::role::{Channel, ChannelMsg, RoleEvents};

/// Members of a club, its owner included.
pub const MEMBERS_MAX: usize = 20;

/// A club, by its id: `.actor::<ClubActor>(ClubServer)`.
#[derive(Debug)]
pub struct ClubActor {
    state: ClubStateEntity,
}

impl Actor for ClubActor {
    const NAME: &'static str = "club";
    type Key = u64;
    type State = ClubStateEntity;

    async fn activate(_cx: &ActorCx, _club: u64, state: ClubStateEntity) -> Result<Self, Status> {
        Ok(Self { state })
    }

    fn state(&mut self) -> &mut ClubStateEntity {
        &mut self.state
    }
}

impl Club for ClubActor {
    async fn create(&mut self, cx: &ActorCx, req: ClubReq) -> Result<(), Status> {
        if self.state.exists() {
            let why = format!("club {} exists: ids are given once", req.club_id);
            return Err(Status::new(Code::AlreadyExists, why));
        }
        take(cx, &req, true).await?;
        self.state.set_owner(req.role_id.clone());
        self.state.members_mut().push(req.role_id);
        Ok(())
    }

    async fn read(&mut self, _cx: &ActorCx, _req: ReadReq) -> Result<ReadRsp, Status> {
        Ok(ReadRsp { club: Some((*self.state).clone()) })
    }

    async fn join(&mut self, cx: &ActorCx, req: ClubReq) -> Result<(), Status> {
        if self.has(&req.role_id) {
            return Ok(());
        }
        if self.state.members.len() >= MEMBERS_MAX {
            return Err(ClubError::Full.into());
        }
        // Before it is a member: a row without a member is repaired, a member without a row could be in two clubs.
        take(cx, &req, false).await?;
        self.state.members_mut().push(req.role_id);
        Ok(())
    }

    async fn exit(&mut self, cx: &ActorCx, req: ClubReq) -> Result<WasRsp, Status> {
        if self.state.exists() && self.state.owner == req.role_id {
            return Err(ClubError::OwnerStays.into());
        }
        if !self.has(&req.role_id) {
            return self.vouch(cx, req).await;
        }
        self.state.members_mut().retain(|member| *member != req.role_id);
        Ok(WasRsp { member: true })
    }

    async fn vouch(&mut self, _cx: &ActorCx, req: ClubReq) -> Result<WasRsp, Status> {
        if self.state.exists() {
            self.state.set_vouched(self.state.vouched.wrapping_add(1));
        }
        Ok(WasRsp { member: self.has(&req.role_id) })
    }

    async fn cancel(&mut self, _cx: &ActorCx, req: ClubReq) -> Result<ReadRsp, Status> {
        if self.state.owner != req.role_id {
            return Err(ClubError::NotTheOwner.into());
        }
        let club = Some((*self.state).clone());
        self.state.delete();
        Ok(ReadRsp { club })
    }

    async fn say(&mut self, cx: &ActorCx, req: SayReq) -> Result<SayRsp, Status> {
        if !self.has(&req.role_id) {
            return Err(ClubError::NotInAClub.into());
        }
        let SayReq { club_id, role_id, name, text } = req;
        let others = self.state.members.iter().filter(|member| **member != role_id);
        let heard_by: Vec<String> = others.cloned().collect();
        let msg = ChannelMsg { role_id, name, text, channel: Channel::Club.into(), club_id };
        RoleEvents::list(cx, heard_by.iter().cloned()).channel(msg).await?;
        Ok(SayRsp { heard_by })
    }
}

impl ClubActor {
    fn has(&self, role_id: &str) -> bool {
        self.state.members.iter().any(|member| member == role_id)
    }
}

/// Makes the role's row this club's.
async fn take(cx: &Cx, req: &ClubReq, owner: bool) -> Result<(), Status> {
    let req = TakeReq { role_id: req.role_id.clone(), club_id: req.club_id, owner };
    ClubRoleClient::new(cx).take(req).await
}

/// The club of an answer; that there is no such club is an error of the game's.
pub(crate) fn found<T>(answer: Result<T, Status>) -> Result<T, Status> {
    answer.map_err(|status| match status.reason() {
        reason::NO_SUCH_ENTITY => {
            let text = Status::from(ClubError::NoSuchClub).message().to_owned();
            Status::new(Code::NotFound, text).with_reason(ClubError::NoSuchClub.reason())
        }
        _ => status,
    })
}
