//! Finds due rows and activates their actors.

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::env::Instant;
use guildhall_core::store::{
    Compare, Condition, Cursor, Order, Query, Store, StoreError, Table, Value, WAKE,
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

/// How long ago a row may have become due, in ms, to be among those that are looked at first, each time.
const FRESH_MS: u64 = 60_000;

/// Where a look at one actor type goes on.
struct Look {
    at: Instant,
    /// Among the rows that have been due for long.
    stuck: Option<Cursor>,
}

/// Wakes actors until the app drains.
pub(crate) async fn keep_awake(app: Arc<AppInner>, types: SleepersOf) {
    let now = app.env.now();
    let mut looks: Vec<Look> = types.iter().map(|_| Look { at: now, stuck: None }).collect();
    while let Some(next) = looks.iter().map(|look| look.at).min() {
        let _or_drains = app.env.until(next, app.draining.cancelled()).await;
        let Some(store) = app.store().filter(|_| !app.draining.is_cancelled()) else { return };
        for ((table, sleepers), look) in types.iter().zip(&mut looks) {
            if look.at > app.env.now() {
                continue;
            }
            if let Err(error) = wake(&app, &*store, table, sleepers, &mut look.stuck).await {
                tracing::debug!(%error, "nobody is woken just now; looking again");
            }
            look.at = app.env.now() + Duration::from_millis(sleepers.config().wake_ms);
        }
    }
}

/// Wakes those whose time has come. Rows that have been due for long belong to actors that cannot do what they have to, or are in
/// memory and try: all apps see them at each look, so those are gone through a bounded number at a time, and the rows that have become
/// due lately come first.
async fn wake(
    app: &Arc<AppInner>,
    store: &dyn Store,
    table: &'static Table,
    sleepers: &Arc<dyn Sleepers>,
    stuck: &mut Option<Cursor>,
) -> Result<(), StoreError> {
    let now_ms = wall_ms(&app.env);
    let old = now_ms.saturating_sub(FRESH_MS);
    pages(app, store, table, sleepers, (old, now_ms), None).await?;
    *stuck = pages(app, store, table, sleepers, (0, old), stuck.take()).await?;
    Ok(())
}

/// Wakes those that have become due after `from` and until `to`, the longest due first; where to go on after `wake_pages_max` pages.
async fn pages(
    app: &Arc<AppInner>,
    store: &dyn Store,
    table: &'static Table,
    sleepers: &Arc<dyn Sleepers>,
    (from, to): (u64, u64),
    after: Option<Cursor>,
) -> Result<Option<Cursor>, StoreError> {
    let is = |compare, value| Condition { column: WAKE.number, compare, value: Value::Uint(value) };
    let conditions = vec![is(Compare::Greater, from), is(Compare::Less, to + 1)];
    let (order, limit) = (Order::Up(WAKE.number), sleepers.config().wake_page);
    // What a row holds is for its activation.
    let keys_only = true;
    let mut query = Query { table, conditions, order, after, limit, keys_only };
    for _ in 0..sleepers.config().wake_pages_max {
        let page = store.query(&query).await?;
        let keys = page.rows.iter().map(|(key, _)| key.as_str());
        let woken = keys.filter(|key| Arc::clone(sleepers).wake(app, key)).count();
        app.counters.woken.add(woken as u64);
        query.after = page.next;
        if query.after.is_none() || app.draining.is_cancelled() {
            return Ok(None);
        }
        if woken > 0 {
            app.env.sleep(PAUSE).await;
        }
    }
    Ok(query.after)
}
