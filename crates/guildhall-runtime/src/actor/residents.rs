//! Residents: actors that are always active in one app, the one that their keys fall to.

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::env::Instant;

use crate::app::AppInner;

/// The actor type of residents. Their keys are the numbers from 1 on.
pub(crate) trait Home: Send + Sync {
    /// One of the services that the type serves: where its calls go, its residents are.
    fn service(&self) -> &'static str;
    /// How many there are, in all apps together.
    fn residents(&self) -> u32;
    /// How long a key must have fallen to this app before its resident is activated here.
    fn settle(&self) -> Duration;
    /// Activates one, unless it is active.
    fn enter(self: Arc<Self>, app: &Arc<AppInner>, key: &str);
    /// Deactivates one that belongs to another app now, if it is active.
    fn leave(&self, key: &str);
}

/// Activates the residents that fall to this app, again where one was lost, and deactivates those that fall to another app.
/// Ends when the app drains.
pub(crate) async fn keep_residents(app: Arc<AppInner>, homes: Vec<Arc<dyn Home>>) {
    let Some(pause) = homes.iter().map(|home| home.settle()).min() else { return };
    let mut changes = app.mesh.changes();
    // Since when each one falls to this app, by home and number.
    let mut ours: Vec<Vec<Option<Instant>>> =
        homes.iter().map(|home| vec![None; home.residents() as usize]).collect();
    while !app.draining.is_cancelled() {
        let now = app.env.now();
        let mut next = now + pause;
        for (home, ours) in homes.iter().zip(&mut ours) {
            for (number, since) in (1..).zip(ours) {
                let settled = look(&app, home, number, since, now);
                next = settled.map_or(next, |settled| next.min(settled));
            }
        }
        let woken = async {
            tokio::select! {
                biased;
                () = app.draining.cancelled() => {}
                () = changes.changed() => {}
            }
        };
        let _or_time_for_the_next_look = app.env.until(next, woken).await;
    }
}

/// Looks where one resident belongs; when it will have settled, if it has just come. Meanwhile the app that had it before learns
/// that, and saves it; and an app that has just started, and knows no other, finds them.
fn look(
    app: &Arc<AppInner>,
    home: &Arc<dyn Home>,
    number: u32,
    since: &mut Option<Instant>,
    now: Instant,
) -> Option<Instant> {
    let key = number.to_string();
    if !app.mesh.is_here(home.service(), &key, &app.id) {
        *since = None;
        home.leave(&key);
        return None;
    }
    let settled = *since.get_or_insert(now) + home.settle();
    if settled > now {
        return Some(settled);
    }
    Arc::clone(home).enter(app, &key);
    None
}
