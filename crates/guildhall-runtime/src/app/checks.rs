//! `App::health`: health checks of the game.

use crate::call::Cx;

/// What a game checks of itself: `App::health`.
pub(crate) struct HealthCheck {
    pub(crate) name: String,
    pub(crate) check: Box<Check>,
}

type Check = dyn Fn(&Cx) -> Result<(), String> + Send + Sync;

/// The checks of an app.
pub(super) struct HealthChecks(pub(super) Vec<HealthCheck>);

impl Cx {
    /// The reasons why this app is not ready; empty when it is ready. The app is starting or draining, a backend is unavailable, or a
    /// health check (`App::health`) has failed.
    pub fn problems(&self) -> Vec<String> {
        let health = &self.core.health;
        let mut problems = Vec::new();
        if self.core.draining.is_cancelled() {
            problems.push("draining".to_owned());
        } else if !health.has_started() {
            // What the checks look at is not there yet.
            return vec!["starting".to_owned()];
        }
        for HealthCheck { name, check } in &self.core.part::<HealthChecks>().0 {
            health.checked(name, check(self), self.env().now());
        }
        problems.extend(health.unhealthy());
        problems
    }
}
