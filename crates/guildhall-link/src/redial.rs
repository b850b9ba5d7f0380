//! [`Redial`]: the pauses between the attempts to reach an app.

use std::time::Duration;

use crate::endpoint::Endpoint;

/// A pause that doubles from `link.redial_ms` up to `link.redial_max_ms`.
pub(crate) struct Redial<'a> {
    endpoint: &'a Endpoint,
    pause: u64,
}

impl<'a> Redial<'a> {
    pub(crate) fn new(endpoint: &'a Endpoint) -> Self {
        Self { endpoint, pause: endpoint.config.redial_ms }
    }

    /// There was a link: the next pause is the first again.
    pub(crate) fn reset(&mut self) {
        self.pause = self.endpoint.config.redial_ms;
    }

    /// Half of the pause is random, so that a restarted app is not dialled by all at once.
    pub(crate) async fn wait(&mut self) {
        let (env, pause) = (&self.endpoint.env, self.pause);
        let ms = pause / 2 + env.random_below(pause / 2 + 1);
        env.sleep(Duration::from_millis(ms)).await;
        self.pause = (pause * 2).min(self.endpoint.config.redial_max_ms);
    }
}
