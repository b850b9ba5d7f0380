//! The game's side: a role per player with its wallet, and names that no two roles share.

mod clubs;
mod ledger;
mod lines;
mod names;
pub mod rules;
mod wallet;

use guildhall::{Actor, ActorCx, Code, Cx, ErrorEnum as _, Status};

pub use ledger::OPS_MAX;
pub use lines::RecentLines;
pub use names::NameActor;
pub use wallet::GRANT;

use crate::proto::club::{ClubRoleClient, ListReq, ListRsp};
use crate::proto::online::{OnlineClient, PlayingReq};
use crate::proto::role::{
    BearsReq, BearsRsp, CancelClubReq, Channel, ChannelMsg, ClubInfoReq, ClubInfoRsp, ClubRsp,
    CreateClubReq, ExitClubReq, GetClubRoleInfoReq, GetClubRoleInfoRsp, GetInfoReq, JoinClubReq,
    LeftClubReq, ListClubsReq, LoginReq, Look, NameReq, NamesClient, PostReq, PostRsp, PowerUpReq,
    RegisterReq, RenameReq, Role, RoleError, RoleEvents, RoleRsp, RoleStateEntity, RoleStateView,
};

/// A player's role, by the player's id:
/// `.actor::<RoleActor>((RoleServer, WalletServer, LedgerServer))`.
#[derive(Debug)]
pub struct RoleActor {
    state: RoleStateEntity,
}

impl Actor for RoleActor {
    const NAME: &'static str = "role";
    type Key = String;
    type State = RoleStateEntity;

    async fn activate(
        _cx: &ActorCx,
        _role: String,
        state: RoleStateEntity,
    ) -> Result<Self, Status> {
        Ok(Self { state })
    }

    fn state(&mut self) -> &mut RoleStateEntity {
        &mut self.state
    }
}

impl Role for RoleActor {
    async fn register(&mut self, cx: &ActorCx, req: RegisterReq) -> Result<RoleRsp, Status> {
        if self.state.exists() {
            return Err(already(RoleError::Registered));
        }
        let name = rules::as_name(&req.name)?;
        self.claim(cx, &name).await?;
        self.state.set_name(name);
        self.fill_wallet();
        Ok(self.answer())
    }

    async fn login(&mut self, cx: &ActorCx, req: LoginReq) -> Result<RoleRsp, Status> {
        if let Some(session) = cx.session() {
            let playing = PlayingReq { player: req.role_id, session: session.session.clone() };
            if let Err(status) = OnlineClient::new(cx).playing(playing).await {
                tracing::debug!(%status, "recording the connection of a role failed");
            }
        }
        self.state.set_logins(self.state.logins.saturating_add(1));
        Ok(self.answer())
    }

    async fn get_info(&mut self, _cx: &ActorCx, req: GetInfoReq) -> Result<RoleRsp, Status> {
        Ok(match req.look() {
            Look::Detail => self.answer(),
            Look::Brief => RoleRsp { role: Some(self.state.view(RoleStateView::Brief)) },
        })
    }

    async fn rename(&mut self, cx: &ActorCx, req: RenameReq) -> Result<RoleRsp, Status> {
        let name = rules::as_name(&req.name)?;
        let old = rules::name_key(&self.state.name);
        if rules::name_key(&name) != old {
            self.claim(cx, &name).await?;
            let release = NameReq { name: old, role_id: self.state.role_id.clone() };
            if let Err(status) = NamesClient::new(cx).release(release).await {
                // Whoever wants the name next will find that nobody bears it.
                tracing::debug!(%status, "releasing a name failed");
            }
        }
        self.state.set_name(name);
        Ok(self.answer())
    }

    async fn power_up(&mut self, _cx: &ActorCx, req: PowerUpReq) -> Result<RoleRsp, Status> {
        if req.add < 0 {
            return Err(RoleError::NegativePower.into());
        }
        let power = self.state.power.checked_add(req.add).ok_or(RoleError::TooMuchPower)?;
        self.state.set_power(power);
        Ok(self.answer())
    }

    async fn post(&mut self, cx: &ActorCx, req: PostReq) -> Result<PostRsp, Status> {
        rules::check_text(&req.text)?;
        if req.channel() == Channel::Club {
            return self.say_to_club(cx, req.text).await;
        }
        let role = &self.state;
        let (role_id, name) = (role.role_id.clone(), role.name.clone());
        let msg = ChannelMsg { role_id, name, text: req.text, ..ChannelMsg::default() };
        RoleEvents::others(cx, &role.role_id).channel(msg.clone()).await?;
        lines::tell(cx, msg).await;
        Ok(PostRsp::default())
    }

    async fn create_club(&mut self, cx: &ActorCx, _req: CreateClubReq) -> Result<ClubRsp, Status> {
        self.make_club(cx).await
    }

    async fn join_club(&mut self, cx: &ActorCx, req: JoinClubReq) -> Result<ClubRsp, Status> {
        self.enter_club(cx, req.club_id).await
    }

    async fn exit_club(&mut self, cx: &ActorCx, _req: ExitClubReq) -> Result<ClubRsp, Status> {
        self.leave_club(cx).await
    }

    async fn cancel_club(&mut self, cx: &ActorCx, _req: CancelClubReq) -> Result<ClubRsp, Status> {
        self.end_club(cx).await
    }

    async fn club_info(&mut self, cx: &ActorCx, req: ClubInfoReq) -> Result<ClubInfoRsp, Status> {
        self.tell_club(cx, req.club_id).await
    }

    async fn get_club_role_info(
        &mut self,
        cx: &ActorCx,
        _req: GetClubRoleInfoReq,
    ) -> Result<GetClubRoleInfoRsp, Status> {
        self.tell_place(cx).await
    }

    async fn list_clubs(&mut self, cx: &ActorCx, req: ListClubsReq) -> Result<ListRsp, Status> {
        ClubRoleClient::new(cx).clubs(ListReq { after: req.after }).await
    }

    #[cfg(feature = "next")]
    async fn honour(
        &mut self,
        _cx: &ActorCx,
        req: crate::proto::role::HonourReq,
    ) -> Result<RoleRsp, Status> {
        self.state.set_title(req.title);
        Ok(self.answer())
    }

    async fn left_club(&mut self, _cx: &ActorCx, req: LeftClubReq) -> Result<(), Status> {
        if self.state.club_id == req.club_id {
            self.remember(0);
        }
        Ok(())
    }

    async fn bears(&mut self, _cx: &ActorCx, req: BearsReq) -> Result<BearsRsp, Status> {
        Ok(BearsRsp { bears: rules::name_key(&self.state.name) == req.name })
    }
}

impl RoleActor {
    /// Returns when the name is this role's, and the store knows.
    async fn claim(&self, cx: &Cx, name: &str) -> Result<(), Status> {
        let role_id = self.state.role_id.clone();
        NamesClient::new(cx).claim(NameReq { name: rules::name_key(name), role_id }).await
    }

    /// All that its player may know; what other services tell is left out.
    fn answer(&self) -> RoleRsp {
        RoleRsp { role: Some(self.state.view(RoleStateView::Detail)) }
    }
}

/// The status of something that exists already; other errors of roles are about the request itself.
fn already(error: RoleError) -> Status {
    let text = Status::from(error).message().to_owned();
    Status::new(Code::AlreadyExists, text).with_reason(error.reason())
}
