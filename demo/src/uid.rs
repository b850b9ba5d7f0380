//! Unique ids of roles and clubs, also across crashes and with several apps.
//!
//! Each kind has one actor. It takes numbers from a block that it has reserved in the store: only the first of a block waits for
//! a commit. The actor's next activation begins behind the block, so a crash costs at most the rest of it. A planned move costs
//! nothing: the next owner gets what is left of the block.
//!
//! All kinds are one slot (`actor.uid.slots`), so one app gives all ids, and another is there to take over. No kind is resident:
//! the first who wants an id waits for a claim, which is less than a save.

use guildhall::{Actor, ActorCx, Bytes, Code, Cx, Status};

use crate::proto::uid::{AllocReq, AllocRsp, Uid, UidClient, UidStateEntity};

/// Numbers that are reserved at a time.
pub const BLOCK: u64 = 1000;

/// The numbers of one kind: `.actor::<UidActor>(UidServer)`.
#[derive(Debug)]
pub struct UidActor {
    state: UidStateEntity,
    /// The last one that was given, or nobody's.
    last: u64,
}

impl Actor for UidActor {
    const NAME: &'static str = "uid";
    type Key = String;
    type State = UidStateEntity;

    async fn activate(_cx: &ActorCx, _kind: String, state: UidStateEntity) -> Result<Self, Status> {
        // What is left of the block may have been given before a crash.
        Ok(Self { last: state.reserved, state })
    }

    fn state(&mut self) -> &mut UidStateEntity {
        &mut self.state
    }

    fn move_out(&mut self) -> Bytes {
        Bytes::copy_from_slice(&self.last.to_le_bytes())
    }

    fn move_in(&mut self, payload: Bytes) {
        let Ok(last) = <[u8; 8]>::try_from(&payload[..]).map(u64::from_le_bytes) else {
            tracing::error!(
                kind = self.state.kind,
                "the payload of a moved id block does not decode; its ids are skipped"
            );
            return;
        };
        // Of the block that the row names, or all of it has been given.
        if self.state.reserved.checked_sub(last).is_some_and(|rest| rest < BLOCK) {
            self.last = last;
        }
    }
}

impl Uid for UidActor {
    async fn alloc(&mut self, _cx: &ActorCx, _req: AllocReq) -> Result<AllocRsp, Status> {
        if self.last == self.state.reserved {
            let reserved = self.last.checked_add(BLOCK).ok_or_else(|| {
                Status::new(Code::ResourceExhausted, "all numbers of this kind have been given")
            })?;
            self.state.set_reserved(reserved);
        }
        self.last += 1;
        Ok(AllocRsp { id: self.last })
    }
}

/// A number of `kind` that nobody else gets.
pub(crate) async fn alloc(cx: &Cx, kind: &str) -> Result<u64, Status> {
    Ok(UidClient::new(cx).alloc(AllocReq { kind: kind.to_owned() }).await?.id)
}
