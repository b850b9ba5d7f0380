//! Wakes actors that have something to do and are not in memory: the rows say when.

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::env::Instant;
use guildhall_core::store::{
    Compare, Condition, Order, Query, Store, StoreError, Table, Value, WAKE,
};

use super::config::ActorConfig;
use super::later::wall_ms;
use crate::app::AppInner;

/// Between two pages of actors that were woken, so that the store and the workers have time for what is more urgent.
const PAUSE: Duration = Duration::from_millis(20);

/// An actor type whose actors may have to be woken.
pub(crate) trait Sleepers: Send + Sync {
    fn config(&self) -> &ActorConfig;
    /// Activates the actor with this key, if its slot is served here and it is not in memory; whether that is so.
    fn wake(self: Arc<Self>, app: &Arc<AppInner>, key: &str) -> bool;
}

/// All of them, each with the table that says when.
pub(crate) type SleepersOf = Vec<(&'static Table, Arc<dyn Sleepers>)>;

/// Wakes actors until the app drains.
pub(crate) async fn keep_awake(app: Arc<AppInner>, types: SleepersOf) {
    let now = app.env.now();
    let mut due: Vec<Instant> = types.iter().map(|_| now).collect();
    while let Some(next) = due.iter().min().copied() {
        let _or_drains = app.env.until(next, app.draining.cancelled()).await;
        let Some(store) = app.store().filter(|_| !app.draining.is_cancelled()) else { return };
        for ((table, sleepers), due) in types.iter().zip(&mut due) {
            if *due > app.env.now() {
                continue;
            }
            if let Err(error) = wake(&app, &*store, table, sleepers).await {
                tracing::warn!(%error, "nobody is woken just now; looking again");
            }
            *due = app.env.now() + Duration::from_millis(sleepers.config().wake_ms);
        }
    }
}

/// Wakes those whose time has come: the longest due first, page by page.
async fn wake(
    app: &Arc<AppInner>,
    store: &dyn Store,
    table: &'static Table,
    sleepers: &Arc<dyn Sleepers>,
) -> Result<(), StoreError> {
    let is = |compare, value| Condition { column: WAKE.number, compare, value: Value::Uint(value) };
    let now_ms = wall_ms(&app.env);
    let conditions = vec![is(Compare::Greater, 0), is(Compare::Less, now_ms + 1)];
    let (order, limit) = (Order::Up(WAKE.number), sleepers.config().wake_page);
    // What a row holds is for its activation.
    let keys_only = true;
    let mut query = Query { table, conditions, order, after: None, limit, keys_only };
    loop {
        let page = store.query(&query).await?;
        let keys = page.rows.iter().map(|(key, _)| key.as_str());
        let woken = keys.filter(|key| Arc::clone(sleepers).wake(app, key)).count();
        app.counters.woken.add(woken as u64);
        query.after = page.next;
        if query.after.is_none() || app.draining.is_cancelled() {
            return Ok(());
        }
        if woken > 0 {
            app.env.sleep(PAUSE).await;
        }
    }
}
