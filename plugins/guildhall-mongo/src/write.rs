//! Claims and writes: read, decide, and write each row only if it is as it was read.
//!
//! There is one document per row and no transaction. Two orders make that enough. What a removed row leaves is written before the row
//! goes. And who makes a row reserves its place first, and reads what removed rows have left after that: a removal that it does not see
//! has not begun, and would find the place taken. A place that nobody fills is no row, and is there for the next one who makes that row.

use std::collections::BTreeSet;
use std::sync::Arc;

use guildhall_core::store::{
    Batch, Committed, Guard, LeaseId, Op, Row, RowId, StoreError, StoreErrorKind, Token, Write,
    local,
};

use crate::begin::{Needs, begin, load_ground};
use crate::client::{Client, Sent};
use crate::fault::Fault;
use crate::finish::finish;
use crate::seen::Seen;

/// Claims all rows, or none, unless another claim comes between; then it is tried again.
pub(crate) async fn claim(
    client: &Client,
    seen: Arc<Seen>,
    ids: &[RowId],
    by: &Token,
    sent: &Sent,
) -> Result<Vec<Row>, Fault> {
    local::check_claim(ids)?;
    let leases = BTreeSet::from([Arc::clone(&by.lease)]);
    let ids: Vec<&RowId> = ids.iter().collect();
    let mut work = begin(client, seen, &ids, &Needs { makes: true, leases, clock: false }).await?;
    let rows: Vec<RowId> = ids.iter().map(|id| (*id).clone()).collect();
    let claimed = local::claim(&mut work, &rows, by)?;
    finish(&client.database, &work, &ids, sent).await?;
    Ok(claimed)
}

/// Commits a batch of one row.
pub(crate) async fn commit(
    client: &Client,
    seen: Arc<Seen>,
    batch: &Batch,
    sent: &Sent,
) -> Result<Committed, Fault> {
    local::check_batch(batch)?;
    let [op] = &*batch.ops else {
        let message = "this store writes one row in a batch";
        return Err(StoreError::new(StoreErrorKind::Invalid, "commit", "batch", message).into());
    };
    let forgets = op.write == Write::Forget;
    let needs = Needs {
        makes: op.guard == Guard::Absent && matches!(op.write, Write::Create(_)),
        leases: if forgets { lease_of(op).into_iter().collect() } else { BTreeSet::new() },
        clock: op.keep_ms > 0 || forgets,
    };
    let mut work = begin(client, seen, &[&op.row], &needs).await?;
    if forgets {
        work.ground = load_ground(&client.database, &[&op.row], &needs.leases).await?;
    }
    let done = local::commit(&mut work, batch)?;
    finish(&client.database, &work, &[&op.row], sent).await?;
    Ok(done)
}

fn lease_of(op: &Op) -> Option<LeaseId> {
    match &op.guard {
        Guard::Owner(token, _) => Some(Arc::clone(&token.lease)),
        Guard::Version(_) | Guard::Absent => None,
    }
}
