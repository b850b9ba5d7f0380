//! A role's operations with clubs. The role caches its club; the club's own list is authoritative.

use guildhall::{Cx, Status};

use super::RoleActor;
use crate::club::found;
use crate::proto::club::{
    ClubClient, ClubError, ClubReq, ClubRoleClient, ClubState, FindRsp, ReadReq, RoleReq, SayReq,
};
use crate::proto::role::{ClubInfoRsp, ClubMember, ClubRsp, GetClubRoleInfoRsp, PostRsp};
use crate::{online, uid};

impl RoleActor {
    pub(super) async fn make_club(&mut self, cx: &Cx) -> Result<ClubRsp, Status> {
        // Before a number is taken and a club is claimed for nothing.
        if self.find_club(cx).await? != 0 {
            return Err(ClubError::InAClub.into());
        }
        let club_id = uid::alloc(cx, "club").await?;
        ClubClient::new(cx).create(ClubReq { club_id, role_id: self.id() }).await?;
        self.remember(club_id);
        Ok(ClubRsp { club_id })
    }

    pub(super) async fn enter_club(&mut self, cx: &Cx, club_id: u64) -> Result<ClubRsp, Status> {
        if club_id == 0 {
            return Err(ClubError::NoSuchClub.into());
        }
        let req = ClubReq { club_id, role_id: self.id() };
        let mut joined = ClubClient::new(cx).join(req.clone()).await;
        // What a crash has left keeps nobody out.
        if joined.as_ref().is_err_and(|status| status.is(ClubError::InAClub))
            && self.find_club(cx).await? == 0
        {
            joined = ClubClient::new(cx).join(req).await;
        }
        found(joined)?;
        self.remember(club_id);
        Ok(ClubRsp { club_id })
    }

    pub(super) async fn leave_club(&mut self, cx: &Cx) -> Result<ClubRsp, Status> {
        let left = ClubRoleClient::new(cx).leave(RoleReq { role_id: self.id() }).await;
        self.out_of_club(left)
    }

    pub(super) async fn end_club(&mut self, cx: &Cx) -> Result<ClubRsp, Status> {
        let ended = ClubRoleClient::new(cx).cancel(RoleReq { role_id: self.id() }).await;
        self.out_of_club(ended)
    }

    /// `club_id` 0: its own.
    pub(super) async fn tell_club(&mut self, cx: &Cx, club_id: u64) -> Result<ClubInfoRsp, Status> {
        let club = match club_id {
            0 => self.own_club(cx).await?,
            club_id => read(cx, club_id).await?,
        };
        let presences = online::read(cx, &club.members).await;
        let member = |(role_id, presence): (String, Option<_>)| ClubMember {
            role_id,
            online: presence.is_some(),
        };
        let members = club.members.into_iter().zip(presences).map(member).collect();
        Ok(ClubInfoRsp { club_id: club.club_id, owner: club.owner, members })
    }

    /// What it is in its own club.
    pub(super) async fn tell_place(&mut self, cx: &Cx) -> Result<GetClubRoleInfoRsp, Status> {
        let club = self.own_club(cx).await?;
        let place = club.members.iter().position(|member| *member == self.state.role_id);
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Ok(GetClubRoleInfoRsp {
            club_id: club.club_id,
            owner: club.owner == self.state.role_id,
            // It may have been let go since it was found there.
            place: number(place.ok_or(ClubError::NotInAClub)? + 1),
            members: number(club.members.len()),
        })
    }

    pub(super) async fn say_to_club(&mut self, cx: &Cx, text: String) -> Result<PostRsp, Status> {
        let club_id = self.own_club(cx).await?.club_id;
        let say = SayReq { club_id, role_id: self.id(), name: self.state.name.clone(), text };
        let said = found(ClubClient::new(cx).say(say).await)?;
        Ok(PostRsp { heard_by: said.heard_by })
    }

    /// The club that it believes to be in; where that is wrong, the one that it is in.
    async fn own_club(&mut self, cx: &Cx) -> Result<ClubState, Status> {
        let believed = self.state.club_id;
        if believed != 0 {
            match read(cx, believed).await {
                Ok(club) if club.members.contains(&self.state.role_id) => return Ok(club),
                Err(status) if !status.is(ClubError::NoSuchClub) => return Err(status),
                _ => {}
            }
        }
        match self.find_club(cx).await? {
            0 => Err(ClubError::NotInAClub.into()),
            club_id => read(cx, club_id).await,
        }
    }

    /// The club that it is in, as the clubs say; 0 for none.
    async fn find_club(&mut self, cx: &Cx) -> Result<u64, Status> {
        let found = ClubRoleClient::new(cx).find(RoleReq { role_id: self.id() }).await?;
        self.remember(found.club_id);
        Ok(found.club_id)
    }

    fn out_of_club(&mut self, left: Result<FindRsp, Status>) -> Result<ClubRsp, Status> {
        let is_out = |status: &Status| status.is(ClubError::NotInAClub);
        if left.as_ref().err().is_none_or(is_out) {
            self.remember(0);
        }
        Ok(ClubRsp { club_id: left?.club_id })
    }

    /// Also before an error: the methods that come here say `keep_on_error`, as what the role has learnt is true whatever follows.
    pub(super) fn remember(&mut self, club_id: u64) {
        if self.state.club_id != club_id {
            self.state.set_club_id(club_id);
        }
    }

    fn id(&self) -> String {
        self.state.role_id.clone()
    }
}

async fn read(cx: &Cx, club_id: u64) -> Result<ClubState, Status> {
    let read = ClubClient::new(cx).read(ReadReq { club_id }).await;
    Ok(found(read)?.club.unwrap_or_default())
}
