//! Residents: actors that are always active in one app, the one that has their slot: those with the first numbers as keys, or all that
//! have an entity.

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::env::Instant;
use guildhall_core::store::{Cursor, Order, Query, Store, StoreError, Table};

use super::waker::{Sleepers, SleepersOf};
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

/// Where the walk over one table goes on.
struct Walk {
    at: Instant,
    after: Option<Cursor>,
}

/// Activates all actors that have an entity, of types that say so, until the app drains. Of a table a bounded number of rows is looked
/// at at a time; at its end the walk begins anew.
pub(crate) async fn keep_rows(app: Arc<AppInner>, types: SleepersOf) {
    let now = app.env.now();
    let mut walks: Vec<Walk> = types.iter().map(|_| Walk { at: now, after: None }).collect();
    while let Some(next) = walks.iter().map(|walk| walk.at).min() {
        let _or_drains = app.env.until(next, app.draining.cancelled()).await;
        let Some(store) = app.store().filter(|_| !app.draining.is_cancelled()) else { return };
        for ((table, rooms), walk) in types.iter().zip(&mut walks) {
            if walk.at > app.env.now() {
                continue;
            }
            if let Err(error) = step(&app, &*store, table, rooms, &mut walk.after).await {
                tracing::warn!(%error, table = table.name, "residents are not looked for just now");
            }
            walk.at = app.env.now() + Duration::from_millis(rooms.config().wake_ms);
        }
    }
}

async fn step(
    app: &Arc<AppInner>,
    store: &dyn Store,
    table: &'static Table,
    rooms: &Arc<dyn Sleepers>,
    after: &mut Option<Cursor>,
) -> Result<(), StoreError> {
    let (order, limit) = (Order::Key, rooms.config().wake_page);
    let (conditions, after_this, keys_only) = (Vec::new(), after.take(), true);
    let mut query = Query { table, conditions, order, after: after_this, limit, keys_only };
    for _ in 0..rooms.config().wake_pages_max {
        let page = store.query(&query).await?;
        for (key, _) in &page.rows {
            Arc::clone(rooms).wake(app, key.as_str());
        }
        query.after = page.next;
        if query.after.is_none() || app.draining.is_cancelled() {
            break;
        }
    }
    *after = query.after;
    Ok(())
}
