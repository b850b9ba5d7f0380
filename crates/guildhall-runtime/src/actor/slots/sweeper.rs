//! Removes the tombstones of deleted rows when the time for their records is over (rule 32).

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::store::{
    Batch, Guard, Op, Store, StoreError, StoreErrorKind, Table, Tombstone, Write,
};

use crate::actor::any_host::AnyHost;
use crate::call::Cx;
use crate::config::StoreConfig;
use crate::serve::rows::OpenStore;

/// Pause between two pages: leaves time to the store and the workers for calls.
const PAUSE: Duration = Duration::from_millis(20);

/// Pages of one table in one round; the next round continues after them.
const PAGES_MAX: usize = 16;

/// Tables, each with the host of the actors that own its rows; `None` for tables that any app writes.
pub(crate) type Swept = Vec<(&'static Table, Option<Arc<dyn AnyHost>>)>;

/// Removes tombstones until the app drains.
pub(crate) async fn sweep(cx: Cx, config: StoreConfig, shared: Arc<OpenStore>, tables: Swept) {
    let mut places: Vec<Option<Tombstone>> = tables.iter().map(|_| None).collect();
    loop {
        let next = cx.core.env.now() + Duration::from_millis(config.sweep_ms.max(1));
        let _or_drains = cx.core.env.until(next, cx.core.draining.cancelled()).await;
        for ((table, owner), place) in tables.iter().zip(&mut places) {
            let open = shared.get().filter(|_| !cx.core.draining.is_cancelled());
            let Some(store) = open else { return };
            match sweep_table(
                &cx,
                config.sweep_page,
                &*store,
                (table, owner.as_deref()),
                place.take(),
            )
            .await
            {
                Ok(after) => *place = after,
                Err(error) => tracing::debug!(%error, "tombstone sweep failed"),
            }
        }
    }
}

/// Some pages of one table; returns where to go on, `None` at the end.
async fn sweep_table(
    cx: &Cx,
    page: usize,
    store: &dyn Store,
    (table, owner): (&'static Table, Option<&dyn AnyHost>),
    mut after: Option<Tombstone>,
) -> Result<Option<Tombstone>, StoreError> {
    let limit = page.max(1);
    for _ in 0..PAGES_MAX {
        let page = store.tombstones(table, after.as_ref(), limit).await?;
        let is_last = page.len() < limit;
        let batches: Vec<Batch> = page.iter().filter_map(|of| forget(of, owner)).collect();
        after = page.into_iter().last();
        if !batches.is_empty() {
            for result in store.commit(batches).await {
                match result {
                    Ok(_) => cx.core.counters.swept.add(1),
                    // The row was claimed or created again meanwhile.
                    Err(error) => match error.kind {
                        StoreErrorKind::Unavailable | StoreErrorKind::Unknown => return Err(error),
                        _ => {}
                    },
                }
            }
        }
        if is_last || cx.core.draining.is_cancelled() {
            return Ok(None);
        }
        cx.core.env.sleep(PAUSE).await;
    }
    Ok(after)
}

/// The write that removes a tombstone as it was seen, if that is for this app to do.
fn forget(of: &Tombstone, owner: Option<&dyn AnyHost>) -> Option<Batch> {
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
