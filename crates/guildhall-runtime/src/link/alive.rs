//! Whether the peer of a link still lives: it is asked when it is silent, and lost when it stays so.

use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::env::Instant;

/// Watches over one connection. Time is looked at when something comes, and a timer is set once per period, not per frame.
pub(super) struct Alive {
    period: Duration,
    heard: Instant,
    asked: bool,
}

/// What silence means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heartbeat {
    /// Something came.
    Fine,
    /// Nothing came for a period: ask.
    Ask,
    /// There was no answer for another one.
    Lost,
}

impl Alive {
    pub(super) fn new(env: &Env, period: Duration) -> Self {
        Self { period, heard: env.now(), asked: false }
    }

    #[inline]
    pub(super) fn heard(&mut self, env: &Env) {
        self.heard = env.now();
        self.asked = false;
    }

    /// When to look again.
    pub(super) fn next(&self) -> Instant {
        self.heard + self.period * if self.asked { 2 } else { 1 }
    }

    pub(super) fn look(&mut self, env: &Env) -> Heartbeat {
        if env.now() < self.next() {
            return Heartbeat::Fine;
        }
        match std::mem::replace(&mut self.asked, true) {
            true => Heartbeat::Lost,
            false => Heartbeat::Ask,
        }
    }
}
