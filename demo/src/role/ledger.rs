//! The journal of a role's operations, for the checker of chaos runs.

use guildhall::{ActorCx, Status};

use super::RoleActor;
use crate::proto::ledger::{AppendReq, AppendRsp, Ledger, LedgerError, ReadReq, ReadRsp};

/// Operations of one role.
pub const OPS_MAX: usize = 10_000;

impl Ledger for RoleActor {
    async fn append(&mut self, _cx: &ActorCx, req: AppendReq) -> Result<AppendRsp, Status> {
        if self.state.ledger.len() >= OPS_MAX {
            return Err(LedgerError::Full.into());
        }
        self.state.ledger_mut().push(req.op);
        Ok(AppendRsp { place: self.state.ledger.len() as u64, process: process() })
    }

    async fn read(&mut self, _cx: &ActorCx, _req: ReadReq) -> Result<ReadRsp, Status> {
        Ok(ReadRsp { ops: self.state.ledger.clone(), process: process() })
    }
}

fn process() -> u64 {
    u64::from(std::process::id())
}
