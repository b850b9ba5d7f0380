//! Residents: actors that are always active in one app, the one that has their slot.

use std::sync::Arc;
use std::time::Duration;

use crate::app::AppInner;

/// How long after a resident was lost, or could not be activated, it is activated again.
const AGAIN: Duration = Duration::from_secs(1);

/// The actor type of residents. Their keys are the numbers from 1 on.
pub(crate) trait Home: Send + Sync {
    /// How many there are, in all apps together.
    fn residents(&self) -> u32;
    /// Whether the slot of one is served here.
    fn is_here(&self, key: &str) -> bool;
    /// Activates one, unless it is active.
    fn enter(self: Arc<Self>, app: &Arc<AppInner>, key: &str);
}

/// Activates residents again that were lost. They are activated with their slots, and leave with them. Ends when the app drains.
pub(crate) async fn keep_residents(app: Arc<AppInner>, homes: Vec<Arc<dyn Home>>) {
    if homes.is_empty() {
        return;
    }
    while !app.draining.is_cancelled() {
        for home in &homes {
            for number in 1..=home.residents() {
                let key = number.to_string();
                if home.is_here(&key) {
                    Arc::clone(home).enter(&app, &key);
                }
            }
        }
        let _drains = app.env.until(app.env.now() + AGAIN, app.draining.cancelled()).await;
    }
}
