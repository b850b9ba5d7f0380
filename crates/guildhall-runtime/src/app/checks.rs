//! Checks of the game: `App::health`, and what they add to the health of the app.

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
    /// Why this app is not ready to serve, or empty: it starts or drains, a backend is away, a check of the game's
    /// (`App::health`) has found something.
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
            health.found(name, check(self), self.env().now());
        }
        problems.extend(health.unhealthy());
        problems
    }
}
