//! Accounts: one actor each, so that a name is given once, and a row each, so that it stays given.

use guildhall::{Actor, ActorCx, Code, ErrorEnum as _, Status};

use crate::proto::login::{
    Account, AccountError, AccountRsp, AccountStateEntity, FindReq, RegisterReq,
};

/// An account, by its name: `.actor::<AccountActor>(AccountServer)`.
pub struct AccountActor {
    state: AccountStateEntity,
}

impl Actor for AccountActor {
    const NAME: &'static str = "account";
    type Key = String;
    type State = AccountStateEntity;

    async fn activate(
        _cx: &ActorCx,
        _name: String,
        state: AccountStateEntity,
    ) -> Result<Self, Status> {
        Ok(Self { state })
    }

    fn state(&mut self) -> &mut AccountStateEntity {
        &mut self.state
    }
}

impl Account for AccountActor {
    async fn register(&mut self, _cx: &ActorCx, req: RegisterReq) -> Result<AccountRsp, Status> {
        if self.state.exists() {
            return Err(taken());
        }
        self.state.set_password_hash(req.password_hash);
        self.state.set_player(req.player);
        Ok(self.answer())
    }

    async fn find(&mut self, _cx: &ActorCx, _req: FindReq) -> Result<AccountRsp, Status> {
        Ok(self.answer())
    }
}

impl AccountActor {
    fn answer(&self) -> AccountRsp {
        AccountRsp { account: Some((*self.state).clone()) }
    }
}

pub(super) fn taken() -> Status {
    let text = Status::from(AccountError::Taken).message().to_owned();
    Status::new(Code::AlreadyExists, text).with_reason(AccountError::Taken.reason())
}

impl std::fmt::Debug for AccountActor {
    /// Without the hash.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountActor").field("account", &self.state.account).finish_non_exhaustive()
    }
}
