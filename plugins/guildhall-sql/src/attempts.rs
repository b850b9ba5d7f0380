//! [`Attempts`]: how often a request is tried.

use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::env::Instant;

use crate::fault::Fault;

/// Attempts at one request, as far as its deadline allows.
const ATTEMPTS_MAX: u32 = 16;
/// How long an attempt waits after a conflict, at most.
const CONFLICT_MS: u64 = 20;

/// The attempts at one request.
#[derive(Debug)]
pub struct Attempts<'a> {
    env: &'a Env,
    deadline: Instant,
    made: u32,
}

impl<'a> Attempts<'a> {
    /// None so far.
    pub fn new(env: &'a Env, deadline: Instant) -> Self {
        Self { env, deadline, made: 0 }
    }

    /// Whether to make another attempt after one that has failed; returns when it may begin.
    pub async fn again_after(&mut self, fault: &Fault) -> bool {
        self.made += 1;
        let again = matches!(fault, Fault::Conflict(_) | Fault::Outdated | Fault::Lost(_));
        if !again || self.made == ATTEMPTS_MAX || self.env.now() >= self.deadline {
            return false;
        }
        if matches!(fault, Fault::Conflict(_)) {
            let wait = Duration::from_millis(1 + self.env.random_below(CONFLICT_MS));
            self.env.sleep(wait).await;
        }
        true
    }
}
