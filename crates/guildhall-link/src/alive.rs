//! Detects dead peers: pings a silent peer, and ends the link if the peer stays silent.

use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::env::Instant;

/// Watches over one connection. Time is looked at when something comes, and a timer is set once per period, not per frame.
pub(crate) struct Alive {
    period: Duration,
    heard: Instant,
    /// When the peer was asked that has not answered. It has a period from then on: this app may have been stopped since it heard the
    /// peer last, and the peer is not to blame for that.
    asked: Option<Instant>,
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
        Self { period, heard: env.now(), asked: None, doubted: None }
    }

    #[inline]
    pub(crate) fn heard(&mut self, env: &Env) {
        self.heard = env.now();
        self.asked = None;
        self.doubted = None;
    }

    /// The peer may hang: it has been asked, and has a tenth of a period for its answer.
    pub(crate) fn doubt(&mut self, env: &Env) {
        self.asked = Some(env.now());
        self.doubted = Some(env.now() + self.period / 10);
    }

    /// When to look again.
    pub(crate) fn next(&self) -> Instant {
        let usual = self.asked.unwrap_or(self.heard) + self.period;
        self.doubted.map_or(usual, |end| end.min(usual))
    }

    pub(crate) fn check(&mut self, env: &Env) -> Heartbeat {
        self.turned_back(env);
        if env.now() < self.next() {
            return Heartbeat::Fine;
        }
        match self.asked.replace(env.now()) {
            Some(_) => Heartbeat::Lost,
            None => Heartbeat::Ask,
        }
    }

    /// After a clock that was turned back, all times begin anew: otherwise a silent peer would not be asked until the clock is again where
    /// it was, and the peer would take this app for dead.
    fn turned_back(&mut self, env: &Env) {
        let now = env.now();
        if now < self.heard.max(self.asked.unwrap_or(self.heard)) {
            self.heard = now;
            self.asked = self.asked.map(|_| now);
            self.doubted = self.doubted.map(|_| now + self.period / 10);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use guildhall_core::Env;

    use super::{Alive, Heartbeat};

    const PERIOD: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn a_silent_peer_is_asked_after_a_period_and_lost_after_another() {
        let env = Env::real();
        let mut alive = Alive::new(&env, PERIOD);
        env.sleep(PERIOD / 2).await;
        assert_eq!(alive.check(&env), Heartbeat::Fine);
        env.sleep(PERIOD / 2).await;
        assert_eq!(alive.check(&env), Heartbeat::Ask);
        env.sleep(PERIOD / 2).await;
        assert_eq!(alive.check(&env), Heartbeat::Fine);
        env.sleep(PERIOD / 2).await;
        assert_eq!(alive.check(&env), Heartbeat::Lost);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_has_a_period_for_its_answer_although_this_app_was_stopped_before_it_asked() {
        let env = Env::real();
        let mut alive = Alive::new(&env, PERIOD);
        env.sleep(PERIOD * 3).await;
        assert_eq!(alive.check(&env), Heartbeat::Ask);
        env.sleep(PERIOD - Duration::from_millis(1)).await;
        assert_eq!(alive.check(&env), Heartbeat::Fine);
        alive.heard(&env);
        env.sleep(PERIOD * 3 / 4).await;
        assert_eq!(alive.check(&env), Heartbeat::Fine);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_peer_is_asked_within_two_periods_although_the_clock_was_turned_back_by_hours()
    {
        for hours in [1, 1_000] {
            let env = Env::real();
            env.set_skew(hours * 3_600_000_000_000);
            let mut alive = Alive::new(&env, PERIOD);
            env.set_skew(0);
            env.sleep(PERIOD).await;
            assert_eq!(alive.check(&env), Heartbeat::Fine);
            env.sleep_until(alive.next()).await;
            assert_eq!(alive.check(&env), Heartbeat::Ask);
            env.set_skew(-hours * 3_600_000);
            env.sleep(PERIOD).await;
            alive.check(&env);
            env.sleep_until(alive.next()).await;
            assert_eq!(alive.check(&env), Heartbeat::Lost);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_others_take_for_dead_has_a_tenth_of_a_period_for_its_answer() {
        let env = Env::real();
        let mut alive = Alive::new(&env, PERIOD);
        alive.doubt(&env);
        env.sleep(PERIOD / 20).await;
        assert_eq!(alive.check(&env), Heartbeat::Fine);
        env.sleep(PERIOD / 20).await;
        assert_eq!(alive.check(&env), Heartbeat::Lost);
    }
}
