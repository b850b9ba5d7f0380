//! Residents: actors that are always active in the app that owns their slot: those with the keys 1, 2, 3 and so on, or all that have
//! an entity.

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::env::Instant;
use guildhall_core::store::{Cursor, Order, Query, Store, StoreError};

use crate::actor::any_host::AnyHost;
use crate::call::Cx;
use crate::serve::rows::OpenStore;

/// Pause before a resident that was lost, or was not activated, is activated again.
const AGAIN: Duration = Duration::from_secs(1);

/// Activates residents again that were lost. They are activated with their slots, and leave with them. Ends when the app drains.
pub(crate) async fn keep_residents(cx: Cx, hosts: Vec<Arc<dyn AnyHost>>) {
    if hosts.is_empty() {
        return;
    }
    while !cx.core.draining.is_cancelled() {
        for host in &hosts {
            for number in 1..=host.config().resident {
                let key = number.to_string();
                if host.serves(&key) {
                    Arc::clone(host).activate(&cx, &key);
                }
            }
        }
        let _drains =
            cx.core.env.until(cx.core.env.now() + AGAIN, cx.core.draining.cancelled()).await;
    }
}

/// Where the walk over one table goes on.
struct Walk {
    at: Instant,
    after: Option<Cursor>,
}

/// Activates all actors with an entity, of types with `resident_rows`, until the app drains. Each round reads a bounded number of
/// rows; at the end of a table the walk begins anew.
pub(crate) async fn keep_resident_rows(
    cx: Cx,
    store: Arc<OpenStore>,
    hosts: Vec<Arc<dyn AnyHost>>,
) {
    let now = cx.core.env.now();
    let mut walks: Vec<Walk> = hosts.iter().map(|_| Walk { at: now, after: None }).collect();
    while let Some(next) = walks.iter().map(|walk| walk.at).min() {
        let _or_drains = cx.core.env.until(next, cx.core.draining.cancelled()).await;
        let open = store.get().filter(|_| !cx.core.draining.is_cancelled());
        let Some(open) = open else { return };
        for (host, walk) in hosts.iter().zip(&mut walks) {
            if walk.at > cx.core.env.now() {
                continue;
            }
            if let Err(error) = step(&cx, &*open, host, &mut walk.after).await {
                tracing::warn!(%error, actor = host.name(), "rows of residents cannot be read; trying again");
            }
            walk.at = cx.core.env.now() + Duration::from_millis(host.config().wake_ms);
        }
    }
}

async fn step(
    cx: &Cx,
    store: &dyn Store,
    host: &Arc<dyn AnyHost>,
    after: &mut Option<Cursor>,
) -> Result<(), StoreError> {
    let Some(&table) = host.tables().first() else { return Ok(()) };
    let (order, limit) = (Order::Key, host.config().wake_page);
    let (conditions, after_this, keys_only) = (Vec::new(), after.take(), true);
    let mut query = Query { table, conditions, order, after: after_this, limit, keys_only };
    for _ in 0..host.config().wake_pages_max {
        let page = store.query(&query).await?;
        for (key, _) in &page.rows {
            Arc::clone(host).activate_sleeping(cx, key.as_str());
        }
        query.after = page.next;
        if query.after.is_none() || cx.core.draining.is_cancelled() {
            break;
        }
    }
    *after = query.after;
    Ok(())
}
