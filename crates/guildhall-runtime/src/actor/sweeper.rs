//! Removes tombstones whose records have expired (rule 32).

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::store::{
    Batch, Guard, LeaseId, Op, Store, StoreError, StoreErrorKind, Table, Tombstone, Write,
};

use crate::app::AppInner;

/// Between two pages, so that the store and the workers have time for what is more urgent.
const PAUSE: Duration = Duration::from_millis(20);

/// Pages of one table in one round; the next round goes on behind them.
const PAGES_MAX: usize = 16;

/// An actor type whose rows leave tombstones.
pub(crate) trait Leaves: Send + Sync {
    /// Whether the tombstone with this key is this app's to remove: its slot is served here, under this lease, and the actor is not in
    /// memory, where it may be about to make its row.
    fn may_remove(&self, key: &str, lease: &LeaseId) -> bool;
}

/// Tables with the actor type that owns their rows; none where anybody may write them.
pub(crate) type Swept = Vec<(&'static Table, Option<Arc<dyn Leaves>>)>;

/// Removes tombstones until the app drains.
pub(crate) async fn sweep(app: Arc<AppInner>, tables: Swept) {
    let mut places: Vec<Option<Tombstone>> = tables.iter().map(|_| None).collect();
    loop {
        let next = app.env.now() + Duration::from_millis(app.tables.config.sweep_ms.max(1));
        let _or_drains = app.env.until(next, app.draining.cancelled()).await;
        for ((table, owner), place) in tables.iter().zip(&mut places) {
            let Some(store) = app.store().filter(|_| !app.draining.is_cancelled()) else { return };
            match sweep_table(&app, &*store, table, owner.as_deref(), place.take()).await {
                Ok(after) => *place = after,
                Err(error) => tracing::debug!(%error, "tombstones stay for now"),
            }
        }
    }
}

/// Some pages of one table; returns where to go on, `None` at the end.
async fn sweep_table(
    app: &AppInner,
    store: &dyn Store,
    table: &'static Table,
    owner: Option<&dyn Leaves>,
    mut after: Option<Tombstone>,
) -> Result<Option<Tombstone>, StoreError> {
    let limit = app.tables.config.sweep_page.max(1);
    for _ in 0..PAGES_MAX {
        let page = store.tombstones(table, after.as_ref(), limit).await?;
        let is_last = page.len() < limit;
        let batches: Vec<Batch> = page.iter().filter_map(|of| forget(of, owner)).collect();
        after = page.into_iter().last();
        if !batches.is_empty() {
            for result in store.commit(batches).await {
                match result {
                    Ok(_) => app.counters.swept.add(1),
                    // Somebody has claimed it meanwhile, or has made it anew.
                    Err(error) => match error.kind {
                        StoreErrorKind::Unavailable | StoreErrorKind::Unknown => return Err(error),
                        _ => {}
                    },
                }
            }
        }
        if is_last || app.draining.is_cancelled() {
            return Ok(None);
        }
        app.env.sleep(PAUSE).await;
    }
    Ok(after)
}

/// The write that removes a tombstone as it was seen, if that is for this app to do.
fn forget(of: &Tombstone, owner: Option<&dyn Leaves>) -> Option<Batch> {
    let guard = match (&of.token, owner) {
        (Some(token), Some(owner)) if owner.may_remove(of.row.key.as_str(), &token.lease) => {
            Guard::Owner(token.clone(), of.version)
        }
        (None, None) => Guard::Version(of.version),
        _ => return None,
    };
    let op = Op { row: of.row.clone(), guard, write: Write::Forget, records: None, keep_ms: 0 };
    Some(Batch { ops: vec![op] })
}
