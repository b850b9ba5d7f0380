//! The game's side: a role per player, and names that no two roles share.

mod names;
pub mod rules;

use guildhall::{Actor, Code, Cx, ErrorEnum as _, Status};

pub use names::NameActor;

use crate::proto::role::{
    BearsReq, BearsRsp, ChannelMsg, GetInfoReq, LoginReq, NameReq, NamesClient, PostReq,
    PowerUpReq, RegisterReq, RenameReq, Role, RoleError, RoleEvents, RoleRsp, RoleStateEntity,
};

/// A player's role, by the player's id: `.actor::<RoleActor, _>(|a| a.serve(RoleServer))`.
#[derive(Debug)]
pub struct RoleActor {
    state: RoleStateEntity,
}

impl Actor for RoleActor {
    const NAME: &'static str = "role";
    type Key = String;
    type State = RoleStateEntity;

    async fn activate(_cx: &Cx, _role: String, state: RoleStateEntity) -> Result<Self, Status> {
        Ok(Self { state })
    }

    fn state(&mut self) -> &mut RoleStateEntity {
        &mut self.state
    }
}

impl Role for RoleActor {
    async fn register(&mut self, cx: &Cx, req: RegisterReq) -> Result<RoleRsp, Status> {
        if self.state.exists() {
            return Err(already(RoleError::Registered));
        }
        rules::check_name(&req.name)?;
        self.claim(cx, &req.name).await?;
        self.state.set_name(req.name);
        Ok(self.answer())
    }

    async fn login(&mut self, _cx: &Cx, _req: LoginReq) -> Result<RoleRsp, Status> {
        self.state.set_logins(self.state.logins.saturating_add(1));
        Ok(self.answer())
    }

    async fn get_info(&mut self, _cx: &Cx, _req: GetInfoReq) -> Result<RoleRsp, Status> {
        Ok(self.answer())
    }

    async fn rename(&mut self, cx: &Cx, req: RenameReq) -> Result<RoleRsp, Status> {
        rules::check_name(&req.name)?;
        let old = rules::name_key(&self.state.name);
        if rules::name_key(&req.name) != old {
            self.claim(cx, &req.name).await?;
            let release = NameReq { name: old, role_id: self.state.role_id.clone() };
            if let Err(status) = NamesClient::new(cx).release(release).await {
                // Whoever wants the name next will find that nobody bears it.
                tracing::debug!(%status, "a name was not released");
            }
        }
        self.state.set_name(req.name);
        Ok(self.answer())
    }

    async fn power_up(&mut self, _cx: &Cx, req: PowerUpReq) -> Result<RoleRsp, Status> {
        if req.add < 0 {
            return Err(RoleError::NegativePower.into());
        }
        let power = self.state.power.checked_add(req.add).ok_or(RoleError::TooMuchPower)?;
        self.state.set_power(power);
        Ok(self.answer())
    }

    async fn post(&mut self, cx: &Cx, req: PostReq) -> Result<(), Status> {
        rules::check_text(&req.text)?;
        let role_id = self.state.role_id.clone();
        let msg = ChannelMsg { role_id, name: self.state.name.clone(), text: req.text };
        RoleEvents::others(cx, &self.state.role_id).channel(msg).await
    }

    async fn bears(&mut self, _cx: &Cx, req: BearsReq) -> Result<BearsRsp, Status> {
        Ok(BearsRsp { bears: rules::name_key(&self.state.name) == req.name })
    }
}

impl RoleActor {
    /// Returns when the name is this role's, and the store knows.
    async fn claim(&self, cx: &Cx, name: &str) -> Result<(), Status> {
        let role_id = self.state.role_id.clone();
        NamesClient::new(cx).claim(NameReq { name: rules::name_key(name), role_id }).await
    }

    /// A copy: what is sent later must not change with the role.
    fn answer(&self) -> RoleRsp {
        RoleRsp { role: Some((*self.state).clone()) }
    }
}

/// The status of something that exists already; other errors of roles are about the request itself.
fn already(error: RoleError) -> Status {
    let text = Status::from(error).message().to_owned();
    Status::new(Code::AlreadyExists, text).with_reason(error.reason())
}
