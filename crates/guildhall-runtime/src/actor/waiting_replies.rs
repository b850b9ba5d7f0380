//! Replies that wait for commits: the actor runs further turns meanwhile, and no caller sees what the store may still refuse.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use guildhall_core::env::Instant;
use guildhall_core::status::reason;
use guildhall_core::store::{StoreError, StoreErrorKind};
use guildhall_core::{Code, Effect, Status};
use parking_lot::Mutex;

use super::records::Answer;
use crate::call::reply::ReplyPort;
use crate::serve::rows;

/// The commits of one activation, by number: one at a time is in flight.
#[derive(Default)]
pub(super) struct Commits {
    /// Absent until the first commit.
    waiting: Option<Arc<WaitingReplies>>,
    /// The last commit that has begun.
    begun: u64,
    /// The last commit that is in the store and was applied to the state.
    done: u64,
    /// The commit that contains all changes of durable turns so far.
    wanted: u64,
}

impl Commits {
    /// The replies that wait for these commits.
    pub(super) fn waiting(&mut self) -> &Arc<WaitingReplies> {
        self.waiting.get_or_insert_default()
    }

    /// The next commit begins; its number.
    pub(super) fn begin(&mut self) -> u64 {
        self.begun += 1;
        self.begun
    }

    /// Replies from now on wait for the commit in flight, and for the one after it if there is more to save.
    pub(super) fn want(&mut self, more: bool) {
        self.wanted = self.wanted.max(self.begun + u64::from(more));
    }

    /// Whether replies wait for a commit that has not begun.
    pub(super) fn next_is_wanted(&self) -> bool {
        self.wanted > self.begun
    }

    /// The commit in flight succeeded. When nothing is left to save, all changes of turns are in the store, or were undone.
    pub(super) fn committed(&mut self, all: bool) {
        self.done = self.begun;
        if all && self.wanted > self.done {
            let wanted = self.wanted;
            (self.begun, self.done) = (wanted, wanted);
            self.waiting().committed(wanted);
        }
    }

    /// The commit in flight was refused and its turn taken back. The next commit has what replies of earlier turns wait for; whether
    /// there is one.
    pub(super) fn taken_back(&mut self, more: bool) -> bool {
        if self.wanted <= self.done {
            return false;
        }
        if more {
            self.wanted = self.wanted.max(self.begun + 1);
        } else {
            let begun = self.begun;
            (self.done, self.wanted) = (begun, begun);
            self.waiting().committed(begun);
        }
        more
    }

    /// Whether a reply would wait.
    #[inline]
    pub(super) fn holds(&self) -> bool {
        self.wanted > self.done
    }

    /// Sends the reply of a turn when all changes of durable turns that the turn could read are committed (rule 24). The time, where
    /// the clock was looked at.
    #[inline]
    pub(super) fn answer(&mut self, reply: ReplyPort, answer: Answer) -> Option<Instant> {
        if self.holds() {
            let wanted = self.wanted;
            self.waiting().push(wanted, reply, answer);
            None
        } else {
            reply.send_encoded(answer)
        }
    }
}

/// The activation is over. A commit that was sent may still succeed, and then its replies are sent (rule 6); later ones are lost.
impl Drop for Commits {
    fn drop(&mut self) {
        if let Some(waiting) = self.waiting.as_ref().filter(|waiting| waiting.len() > 0) {
            let why = "the activation has ended before its changes were saved";
            let status = Status::new(Code::Aborted, why).with_reason(reason::LOST);
            waiting.lose(self.begun, &status);
        }
    }
}

/// Replies in the order of their turns, each with the commit that it waits for. The saver sends them, in parallel to the actor.
#[derive(Default)]
pub(super) struct WaitingReplies {
    queue: Mutex<Queue>,
    len: AtomicUsize,
}

#[derive(Default)]
struct Queue {
    replies: VecDeque<(u64, ReplyPort, Answer)>,
    committed: u64,
    /// The error of all replies once another owner has the rows.
    over: Option<Status>,
}

impl WaitingReplies {
    /// Number of replies that wait.
    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    fn push(&self, commit: u64, reply: ReplyPort, answer: Answer) {
        let mut queue = self.queue.lock();
        // Replies are sent with the queue locked, here as below: they leave in the order of their turns.
        if let Some(status) = &queue.over {
            reply.send::<()>(Err(status.clone()));
        } else if commit <= queue.committed {
            reply.send_encoded(answer);
        } else {
            queue.replies.push_back((commit, reply, answer));
            self.len.store(queue.replies.len(), Ordering::Relaxed);
        }
    }

    /// The store has accepted a commit (rule 14).
    pub(super) fn committed(&self, commit: u64) {
        let mut queue = self.queue.lock();
        queue.committed = commit;
        while let Some((_, reply, answer)) = queue.pop(commit) {
            reply.send_encoded(answer);
        }
        self.len.store(queue.replies.len(), Ordering::Relaxed);
    }

    /// The store has refused a commit.
    pub(super) fn refused(&self, commit: u64, error: &StoreError) {
        if !matches!(error.kind, StoreErrorKind::Refused { .. }) {
            // Nothing of the commit is in the store, nor will be.
            return self.fail(commit, &rows::status(error).with_effect(Effect::Ran));
        }
        // Rule 11: the activation is over, and so is every reply that waits.
        let why = "another owner has the rows; what the call has changed was not saved";
        let status = Status::new(Code::Aborted, why).with_reason(reason::NOT_THE_OWNER);
        self.queue.lock().over = Some(status.clone());
        self.fail(u64::MAX, &status);
    }

    /// Answers the calls that wait for a commit which is retried: it may still succeed.
    pub(super) fn give_up(&self, commit: u64, status: &Status) {
        self.fail(commit, &status.clone().with_effect(Effect::MayHaveRun));
    }

    fn fail(&self, commit: u64, status: &Status) {
        let mut queue = self.queue.lock();
        while let Some((_, reply, _)) = queue.pop(commit) {
            reply.send::<()>(Err(status.clone()));
        }
        self.len.store(queue.replies.len(), Ordering::Relaxed);
    }

    /// Fails the replies that wait for later commits than this one.
    fn lose(&self, commit: u64, status: &Status) {
        let mut queue = self.queue.lock();
        let kept = queue.replies.partition_point(|(waits, ..)| *waits <= commit);
        for (_, reply, _) in queue.replies.drain(kept..) {
            reply.send::<()>(Err(status.clone()));
        }
        self.len.store(queue.replies.len(), Ordering::Relaxed);
    }
}

impl Queue {
    /// The first reply, if it waits for this commit or an earlier one.
    fn pop(&mut self, commit: u64) -> Option<(u64, ReplyPort, Answer)> {
        self.replies.pop_front_if(|(waits, ..)| *waits <= commit)
    }
}
