//! Claims and batches in one transaction: lock, read, decide, write, commit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::{join, try_join, try_join_all};
use guildhall_core::Key;
use guildhall_core::store::rows::Kept;
use guildhall_core::store::schema::Schema;
use guildhall_core::store::{
    Batch, Committed, Floor, Guard, LeaseId, Row, RowId, StoreError, Token, Write, local,
};

use crate::fault::Fault;
use crate::row::{Parts, get, holder, uint};
use crate::schema::{Seen, Space, one};
use crate::session::Session;
use crate::sql::{Params, escaped, sub_text, unescaped, value_of};
use crate::work::{At, Base, Taken, Work};

/// How often the holders of unique values are read for one transaction.
const READS_MAX: usize = 4;

/// A transaction over rows of one store.
pub(crate) struct Writing<'a> {
    pub(crate) space: &'a Space,
    pub(crate) session: &'a Session,
    pub(crate) seen: Arc<Seen>,
}

impl Writing<'_> {
    /// Claims all rows, or none.
    pub(crate) async fn claim(&self, rows: &[RowId], by: &Token) -> Result<Vec<Row>, Fault> {
        let leases = BTreeSet::from([Arc::clone(&by.lease)]);
        let base = self.begin(rows.iter().collect(), leases).await?;
        let mut work = Work::new(&base);
        let claimed = local::claim(&mut work, rows, by)?;
        self.finish(&base, &work).await?;
        Ok(claimed)
    }

    /// Commits the batches together; each is all or nothing, and has its own answer.
    pub(crate) async fn commit(
        &self,
        batches: &[Batch],
    ) -> Result<Vec<Result<Committed, StoreError>>, Fault> {
        let ops = || batches.iter().flat_map(|batch| &batch.ops);
        let leases = ops().filter(|op| op.write == Write::Forget);
        let leases = leases.filter_map(|op| match &op.guard {
            Guard::Owner(token, _) => Some(Arc::clone(&token.lease)),
            Guard::Version(_) | Guard::Absent => None,
        });
        let mut base = self.begin(ops().map(|op| &op.row).collect(), leases.collect()).await?;
        for _ in 0..READS_MAX {
            let mut work = Work::new(&base);
            let done = batches.iter().map(|batch| local::commit(&mut work, batch)).collect();
            let unread = std::mem::take(&mut *work.unread.lock());
            if unread.is_empty() {
                self.finish(&base, &work).await?;
                return Ok(done);
            }
            drop(work);
            self.read_holders(&mut base, unread).await?;
        }
        Err(Fault::Conflict("holders of unique values change without end".to_owned()))
    }

    /// Locks rows, and reads them and what the core may ask beside them, in one round trip.
    async fn begin(&self, rows: Vec<&RowId>, leases: BTreeSet<LeaseId>) -> Result<Base, Fault> {
        let name = |id: &RowId| {
            format!(
                "row {} {} {} {}",
                self.space.0,
                id.table.name,
                escaped(id.key.as_str()),
                sub_text(id.sub.as_ref())
            )
        };
        let mut tables = BTreeMap::<&'static str, Vec<&RowId>>::new();
        for id in &rows {
            tables.entry(id.table.name).or_default().push(id);
        }
        let session = self.session;
        let begun = session.begin();
        let locked = try_join(
            self.space.share(session),
            session.lock(rows.iter().map(|id| name(id)).collect()),
        );
        // Statements are sent in the order in which the futures are polled, and done in that order.
        let read = try_join_all(tables.iter().map(|(table, ids)| self.read(table, ids)));
        let beside = try_join(
            self.floors(&leases),
            self.removed(tables.keys().map(|name| (*name).to_owned()).collect()),
        );
        let checked = self.space.check(session, &self.seen);
        let now = self.now_ms();
        let ((((begun, locked), checked), read), (beside, now_ms)) =
            join(join(join(join(begun, locked), checked), read), join(beside, now)).await;
        begun?;
        locked?;
        checked?;
        let rows = read?.into_iter().flatten().collect();
        let (floors, removed) = beside?;
        let (seen, holders) = (Arc::clone(&self.seen), BTreeMap::new());
        Ok(Base { seen, now_ms: now_ms?, rows, floors, removed, holders })
    }

    async fn read(&self, table: &'static str, ids: &[&RowId]) -> Result<Vec<(At, Kept)>, Fault> {
        read_rows(self.space, self.session, &self.seen.schema(table), table, ids).await
    }

    async fn now_ms(&self) -> Result<u64, Fault> {
        let sql = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint::text";
        let rows = self.session.rows(sql, &Params::default()).await?;
        uint(one(&rows, 0, "the clock")?).map_err(|why| Fault::damaged("the clock", why))
    }

    async fn floors(&self, leases: &BTreeSet<LeaseId>) -> Result<BTreeMap<LeaseId, Floor>, Fault> {
        if leases.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut params = Params::default();
        let sql = format!(
            "SELECT lease, epoch::text, app, incarnation::text FROM {} WHERE lease = ANY({})",
            self.space.table("guildhall_floors"),
            params.texts(leases.iter().map(|lease| escaped(lease)).collect())
        );
        let floor = |row: &tokio_postgres::Row| -> Result<_, String> {
            let holder = holder(get(row, 2)?, uint(get(row, 3)?)?)?;
            let floor = Floor { epoch: uint(get(row, 1)?)?, holder };
            Ok((LeaseId::from(unescaped(get(row, 0)?)?), floor))
        };
        let rows = self.session.rows(&sql, &params).await?;
        let floors = rows.iter().map(floor).collect::<Result<_, _>>();
        floors.map_err(|why| Fault::damaged("guildhall_floors", why))
    }

    async fn removed(&self, tables: Vec<String>) -> Result<BTreeMap<String, u64>, Fault> {
        let mut params = Params::default();
        let sql = format!(
            "SELECT table_name, version::text FROM {} WHERE table_name = ANY({})",
            self.space.table("guildhall_removed"),
            params.texts(tables)
        );
        let rows = self.session.rows(&sql, &params).await?;
        let removed = rows.iter().map(|row| Ok((get(row, 0)?, uint(get(row, 1)?)?)));
        let removed = removed.collect::<Result<_, String>>();
        removed.map_err(|why| Fault::damaged("guildhall_removed", why))
    }

    /// Locks values of unique columns, so that nobody else takes them meanwhile, and reads who has them.
    async fn read_holders(&self, base: &mut Base, unread: BTreeSet<Taken>) -> Result<(), Fault> {
        let name = |(table, column, value): &Taken| {
            format!("unique {} {table} {column} {value:?}", self.space.0)
        };
        self.session.lock(unread.iter().map(name).collect()).await?;
        for taken in unread {
            let (table, number, value) = &taken;
            let schema = base.seen.schema(table);
            let column = schema.columns.get(number);
            let found = column.and_then(|it| Some((it, value_of(it.kind, value)?)));
            let Some((column, value)) = found else {
                return Err(Fault::damaged(table, format!("column {number} has no such value")));
            };
            let mut params = Params::default();
            let sql = format!(
                "SELECT guildhall_key, guildhall_sub FROM {} WHERE guildhall_exists AND {} = {} LIMIT 1",
                self.space.table(table),
                crate::sql::or_default(column),
                params.value(&value)
            );
            let rows = self.session.rows(&sql, &params).await?;
            let place = rows.first().map(|row| -> Result<_, String> {
                let key = Key::from(unescaped(get(row, 0)?)?);
                Ok((key, crate::sql::sub_key(get(row, 1)?)?))
            });
            let place = place.transpose().map_err(|why| Fault::damaged(table, why))?;
            base.holders.insert(taken, place);
        }
        Ok(())
    }

    /// Writes what has changed, and commits.
    async fn finish(&self, base: &Base, work: &Work<'_>) -> Result<(), Fault> {
        let mut writes = Vec::new();
        for (at, after) in &work.rows {
            let schema = self.seen.schema(at.0);
            let statement = match (base.rows.get(at), after) {
                (None, Some(after)) => self.space.insert(&schema, at, after),
                (Some(before), Some(after)) => self.space.update(&schema, at, before, after),
                (Some(before), None) => self.space.delete(at, before),
                (None, None) => continue,
            };
            writes.push(statement);
        }
        writes
            .extend(work.floors.iter().map(|(lease, floor)| self.space.raise_floor(lease, floor)));
        writes.extend(
            work.removed.iter().map(|(table, version)| self.space.raise_removed(table, *version)),
        );
        if writes.is_empty() {
            return self.session.end().await;
        }
        let writes = writes.iter().map(|(sql, params)| self.session.rows(sql, params));
        for written in try_join_all(writes).await? {
            if written.len() != 1 {
                // The version is not the one that was read: somebody writes without the locks.
                return Err(Fault::Conflict("a row changed while it was locked".to_owned()));
            }
        }
        self.session.commit().await
    }
}

/// Reads rows of one table by their keys.
pub(crate) async fn read_rows(
    space: &Space,
    session: &Session,
    schema: &Schema,
    table: &'static str,
    ids: &[&RowId],
) -> Result<Vec<(At, Kept)>, Fault> {
    if schema.columns.is_empty() {
        return Ok(Vec::new());
    }
    let (parts, mut params) = (Parts { schema, only: None }, Params::default());
    let keys = params.texts(ids.iter().map(|id| escaped(id.key.as_str())).collect());
    let subs = params.texts(ids.iter().map(|id| sub_text(id.sub.as_ref())).collect());
    let sql = format!(
        "SELECT {} FROM {} WHERE (guildhall_key, guildhall_sub) IN (SELECT k, s FROM unnest({keys}, {subs}) AS ids (k, s))",
        parts.select(),
        space.table(table)
    );
    let rows = session.rows(&sql, &params).await?;
    let read = rows.iter().map(|row| {
        let (key, sub, kept) = parts.read(row).map_err(|why| Fault::damaged(table, why))?;
        Ok(((table, key, sub), kept))
    });
    read.collect()
}
