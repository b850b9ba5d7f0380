//! Names: one actor per name, which serializes the claims of it.

use guildhall::status::reason;
use guildhall::{Actor, ActorCx, Cx, Status};

use super::already;
use crate::proto::role::{BearsReq, NameReq, NameStateEntity, Names, RoleClient, RoleError};

/// A name, by what names that look alike have in common: `.actor::<NameActor>(NamesServer)`.
#[derive(Debug)]
pub struct NameActor {
    state: NameStateEntity,
}

impl Actor for NameActor {
    const NAME: &'static str = "name";
    type Key = String;
    type State = NameStateEntity;

    async fn activate(
        _cx: &ActorCx,
        _name: String,
        state: NameStateEntity,
    ) -> Result<Self, Status> {
        Ok(Self { state })
    }

    fn state(&mut self) -> &mut NameStateEntity {
        &mut self.state
    }
}

impl Names for NameActor {
    async fn claim(&mut self, cx: &ActorCx, req: NameReq) -> Result<(), Status> {
        if self.state.exists() {
            if self.state.owner == req.role_id {
                return Ok(());
            }
            if bears(cx, &self.state.owner, &req.name).await? {
                return Err(already(RoleError::NameTaken));
            }
        }
        self.state.set_owner(req.role_id);
        Ok(())
    }

    async fn release(&mut self, cx: &ActorCx, req: NameReq) -> Result<(), Status> {
        // The rename that released it may not be in the store yet; the answer waits until it is.
        if self.state.owner == req.role_id && !bears(cx, &req.role_id, &req.name).await? {
            self.state.delete();
        }
        Ok(())
    }
}

/// Asks the role itself.
async fn bears(cx: &Cx, role_id: &str, name: &str) -> Result<bool, Status> {
    let req = BearsReq { role_id: role_id.to_owned(), name: name.to_owned() };
    match RoleClient::new(cx).bears(req).await {
        Ok(answer) => Ok(answer.bears),
        Err(status) if status.reason() == reason::NO_SUCH_ENTITY => Ok(false),
        // It waits for this very name, so it is about to bear it.
        Err(status) if status.reason() == reason::DEADLOCK => Ok(true),
        Err(status) => Err(status),
    }
}
