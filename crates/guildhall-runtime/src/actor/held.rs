//! Replies held until their commits: the actor continues meanwhile, and no caller sees what the store may still refuse.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use guildhall_core::status::reason;
use guildhall_core::store::{StoreError, StoreErrorKind};
use guildhall_core::{Code, Effect, Status};
use parking_lot::Mutex;

use crate::reply::ReplyPort;
use crate::rows;

/// What a call comes to.
pub(super) type Answer = Result<Bytes, Status>;

/// The commits of one activation, by number: one at a time is in flight.
pub(super) struct Commits {
    held: Arc<Held>,
    /// The last one that was begun.
    begun: u64,
    /// The last one that is in the store, as far as the actor has been told.
    done: u64,
    /// The one that has all that durable turns have changed.
    wanted: u64,
}

impl Commits {
    pub(super) fn new() -> Self {
        Self { held: Arc::default(), begun: 0, done: 0, wanted: 0 }
    }

    pub(super) fn held(&self) -> &Arc<Held> {
        &self.held
    }

    /// The next one begins. Who hears what becomes of it, and its number.
    pub(super) fn begin(&mut self) -> (Arc<Held>, u64) {
        self.begun += 1;
        (Arc::clone(&self.held), self.begun)
    }

    /// Replies from now on wait for the commit in flight, and for the one after it if there is more to save.
    pub(super) fn want(&mut self, more: bool) {
        self.wanted = self.wanted.max(self.begun + u64::from(more));
    }

    /// Whether replies wait for a commit that has not begun.
    pub(super) fn next_is_wanted(&self) -> bool {
        self.wanted > self.begun
    }

    /// The one in flight has ended well. When nothing is left to save, all that turns have changed is in the store, or changed back.
    pub(super) fn committed(&mut self, all: bool) {
        self.done = self.begun;
        if all && self.wanted > self.done {
            (self.begun, self.done) = (self.wanted, self.wanted);
            self.held.committed(self.wanted);
        }
    }

    /// The one in flight was refused, and the turn that it was for taken back. What replies of earlier turns wait for is in the next
    /// one; whether that is so.
    pub(super) fn taken_back(&mut self, more: bool) -> bool {
        if self.wanted <= self.done {
            return false;
        }
        if more {
            self.wanted = self.wanted.max(self.begun + 1);
        } else {
            (self.done, self.wanted) = (self.begun, self.begun);
            self.held.committed(self.begun);
        }
        more
    }

    /// Whether a reply would wait.
    pub(super) fn holds(&self) -> bool {
        self.wanted > self.done
    }

    /// Sends the reply of a turn, once all that it could have seen of durable turns is committed. Rule 24.
    #[inline]
    pub(super) fn answer(&self, reply: ReplyPort, answer: Answer) {
        if !self.holds() {
            reply.send_encoded(answer);
        } else {
            self.held.push(self.wanted, reply, answer);
        }
    }
}

/// The activation is over. A commit that was sent may still be done, and then its replies are (rule 6); what comes after it is lost.
impl Drop for Commits {
    fn drop(&mut self) {
        if self.held.len() > 0 {
            let why = "the activation has ended before its changes were saved";
            self.held.lose(self.begun, &Status::new(Code::Aborted, why).with_reason(reason::LOST));
        }
    }
}

/// Replies in the order of their turns, each with the commit that it waits for. The saver releases them, whatever the actor does
/// then.
#[derive(Default)]
pub(super) struct Held {
    line: Mutex<Line>,
    len: AtomicUsize,
}

#[derive(Default)]
struct Line {
    replies: VecDeque<(u64, ReplyPort, Answer)>,
    committed: u64,
    /// Another owner has the rows: what all replies fail with.
    over: Option<Status>,
}

impl Held {
    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    fn push(&self, commit: u64, reply: ReplyPort, answer: Answer) {
        let mut line = self.line.lock();
        // With the line locked, here as below: so that replies leave in the order of their turns.
        if let Some(status) = &line.over {
            reply.send::<()>(Err(status.clone()));
        } else if commit <= line.committed {
            reply.send_encoded(answer);
        } else {
            line.replies.push_back((commit, reply, answer));
            self.len.store(line.replies.len(), Ordering::Relaxed);
        }
    }

    /// The store said yes (rule 14).
    pub(super) fn committed(&self, commit: u64) {
        let mut line = self.line.lock();
        line.committed = commit;
        while let Some((_, reply, answer)) = line.pop(commit) {
            reply.send_encoded(answer);
        }
        self.len.store(line.replies.len(), Ordering::Relaxed);
    }

    /// The store said no, and why.
    pub(super) fn refused(&self, commit: u64, error: &StoreError) {
        if !matches!(error.kind, StoreErrorKind::Refused { .. }) {
            // Nothing of it is there, nor will be.
            return self.fail(commit, &rows::status(error).with_effect(Effect::Ran));
        }
        // Rule 11: the activation is over, and so is all that waits.
        let why = "another owner has the rows; what the call has changed was not saved";
        let status = Status::new(Code::Aborted, why).with_reason(reason::NOT_THE_OWNER);
        self.line.lock().over = Some(status.clone());
        self.fail(u64::MAX, &status);
    }

    /// Nobody waits for this commit any more, which is tried again: it may be in the store some day.
    pub(super) fn give_up(&self, commit: u64, status: &Status) {
        self.fail(commit, &status.clone().with_effect(Effect::MayHaveRun));
    }

    fn fail(&self, commit: u64, status: &Status) {
        let mut line = self.line.lock();
        while let Some((_, reply, _)) = line.pop(commit) {
            reply.send::<()>(Err(status.clone()));
        }
        self.len.store(line.replies.len(), Ordering::Relaxed);
    }

    /// Fails those that wait for later commits than this one.
    fn lose(&self, commit: u64, status: &Status) {
        let mut line = self.line.lock();
        let kept = line.replies.partition_point(|(waits, ..)| *waits <= commit);
        for (_, reply, _) in line.replies.drain(kept..) {
            reply.send::<()>(Err(status.clone()));
        }
        self.len.store(line.replies.len(), Ordering::Relaxed);
    }
}

impl Line {
    /// The first one, if it waits for this commit or an earlier one.
    fn pop(&mut self, commit: u64) -> Option<(u64, ReplyPort, Answer)> {
        self.replies.pop_front_if(|(waits, ..)| *waits <= commit)
    }
}
