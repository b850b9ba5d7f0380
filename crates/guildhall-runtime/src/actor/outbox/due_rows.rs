//! Due rows: activates actors that are not in memory and whose row has a reminder or a message that is due.

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::env::Instant;
use guildhall_core::store::{
    Compare, Condition, Cursor, Order, Query, Store, StoreError, Table, Value, WAKE,
};

use super::later::wall_ms;
use crate::actor::any_host::AnyHost;
use crate::call::Cx;
use crate::serve::rows::OpenStore;

/// Pause between two pages with due rows: leaves time to the store and the workers for calls.
const PAUSE: Duration = Duration::from_millis(20);

/// Rows that became due within this time, in ms, are read first, in each round.
const FRESH_MS: u64 = 60_000;

/// The next round over the rows of one actor type.
struct Round {
    at: Instant,
    /// Where to go on among the rows that have been due for longer.
    overdue: Option<Cursor>,
}

/// Activates actors with due rows until the app drains.
pub(crate) async fn activate_due_rows(cx: Cx, store: Arc<OpenStore>, hosts: Vec<Arc<dyn AnyHost>>) {
    let now = cx.core.env.now();
    let hosts: Vec<_> =
        hosts.iter().filter_map(|host| Some((host.due_rows()?, Arc::clone(host)))).collect();
    let mut rounds: Vec<Round> = hosts.iter().map(|_| Round { at: now, overdue: None }).collect();
    while let Some(next) = rounds.iter().map(|round| round.at).min() {
        let _or_drains = cx.core.env.until(next, cx.core.draining.cancelled()).await;
        let open = store.get().filter(|_| !cx.core.draining.is_cancelled());
        let Some(open) = open else { return };
        for ((table, host), round) in hosts.iter().zip(&mut rounds) {
            if round.at > cx.core.env.now() {
                continue;
            }
            if let Err(error) = run_round(&cx, &*open, table, host, &mut round.overdue).await {
                tracing::debug!(%error, "due rows cannot be read; trying again");
            }
            round.at = cx.core.env.now() + Duration::from_millis(host.config().wake_ms);
        }
    }
}

/// One round over the due rows of a table. Rows that stay due belong to actors that fail, or that are in memory and retry: each app
/// reads them in each round. So rows that became due lately come first, and a bounded number of the others follows.
async fn run_round(
    cx: &Cx,
    store: &dyn Store,
    table: &'static Table,
    host: &Arc<dyn AnyHost>,
    overdue: &mut Option<Cursor>,
) -> Result<(), StoreError> {
    let now_ms = wall_ms(&cx.core.env);
    let old = now_ms.saturating_sub(FRESH_MS);
    pages(cx, store, table, host, (old, now_ms), None).await?;
    *overdue = pages(cx, store, table, host, (0, old), overdue.take()).await?;
    Ok(())
}

/// Activates the actors of rows that became due after `from` and until `to`, the longest due first. Returns where to go on after
/// `wake_pages_max` pages.
async fn pages(
    cx: &Cx,
    store: &dyn Store,
    table: &'static Table,
    host: &Arc<dyn AnyHost>,
    (from, to): (u64, u64),
    after: Option<Cursor>,
) -> Result<Option<Cursor>, StoreError> {
    let is = |compare, value| Condition { column: WAKE.number, compare, value: Value::Uint(value) };
    let conditions = vec![is(Compare::Greater, from), is(Compare::Less, to + 1)];
    let (order, limit) = (Order::Up(WAKE.number), host.config().wake_page);
    // The activation reads the row.
    let keys_only = true;
    let mut query = Query { table, conditions, order, after, limit, keys_only };
    for _ in 0..host.config().wake_pages_max {
        let page = store.query(&query).await?;
        let keys = page.rows.iter().map(|(key, _)| key.as_str());
        let woken = keys.filter(|key| Arc::clone(host).activate_sleeping(cx, key)).count();
        cx.core.counters.woken.add(woken as u64);
        query.after = page.next;
        if query.after.is_none() || cx.core.draining.is_cancelled() {
            return Ok(None);
        }
        if woken > 0 {
            cx.core.env.sleep(PAUSE).await;
        }
    }
    Ok(query.after)
}
