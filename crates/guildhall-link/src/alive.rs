//! Detects dead peers: pings a silent peer, and ends the link if the peer stays silent.

use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::env::Instant;

/// Watches over one connection. Time is looked at when something comes, and a timer is set once per period, not per frame.
pub(crate) struct Alive {
    period: Duration,
    heard: Instant,
    asked: bool,
    /// When the peer is lost that others take for dead, if nothing comes before.
    doubted: Option<Instant>,
}

/// What silence means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heartbeat {
    /// Something came.
    Fine,
    /// Nothing came for a period: ask.
    Ask,
    /// There was no answer for another one.
    Lost,
}

impl Alive {
    pub(crate) fn new(env: &Env, period: Duration) -> Self {
        Self { period, heard: env.now(), asked: false, doubted: None }
    }

    #[inline]
    pub(crate) fn heard(&mut self, env: &Env) {
        self.heard = env.now();
        self.asked = false;
        self.doubted = None;
    }

    /// The peer may hang: it has been asked, and has a tenth of a period for its answer.
    pub(crate) fn doubt(&mut self, env: &Env) {
        self.asked = true;
        self.doubted = Some(env.now() + self.period / 10);
    }

    /// When to look again.
    pub(crate) fn next(&self) -> Instant {
        let usual = self.heard + self.period * if self.asked { 2 } else { 1 };
        self.doubted.map_or(usual, |end| end.min(usual))
    }

    pub(crate) fn check(&mut self, env: &Env) -> Heartbeat {
        if env.now() < self.next() {
            return Heartbeat::Fine;
        }
        match std::mem::replace(&mut self.asked, true) {
            true => Heartbeat::Lost,
            false => Heartbeat::Ask,
        }
    }
}
