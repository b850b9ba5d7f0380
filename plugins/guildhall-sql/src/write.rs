//! Claims and batches in one transaction: lock, read, decide, write, commit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use guildhall_core::store::rows::Kept;
use guildhall_core::store::schema::Schema;
use guildhall_core::store::{
    Batch, Committed, Floor, Guard, LeaseId, Row, RowId, StoreError, Token, Write, local,
};

use crate::fault::Fault;
use crate::row::{Parts, holder, place, sub_text, value_of};
use crate::schema::{Seen, one};
use crate::session::{Database, RowOf, Session as _};
use crate::space::Space;
use crate::statement::{Fields, Params, Statement, some};
use crate::update::Update;
use crate::work::{At, Base, Taken, Work};

/// How often the holders of unique values are read for one transaction.
pub(crate) const READS_MAX: usize = 4;

/// A transaction over rows of one store.
pub(crate) struct Writing<'a, D: Database> {
    pub(crate) space: &'a Space<D>,
    pub(crate) session: &'a D::Session,
    pub(crate) seen: Arc<Seen>,
}

impl<D: Database> Writing<'_, D> {
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
    pub(crate) async fn begin(
        &self,
        rows: Vec<&RowId>,
        leases: BTreeSet<LeaseId>,
    ) -> Result<Base, Fault> {
        let (space, session) = (self.space, self.session);
        let mut tables = BTreeMap::<&'static str, Vec<&RowId>>::new();
        for id in &rows {
            tables.entry(id.table.name).or_default().push(id);
        }
        let mut asked = beginning::<D>(session);
        asked.extend(D::share(space));
        if !rows.is_empty() {
            asked.push(D::lock(space, rows.iter().map(|id| row_lock(space, id)).collect()));
        }
        let begun = asked.len();
        asked.push(space.stamp(D::STAMP_LOCK));
        asked
            .push(Statement::new(format!("SELECT {}{}", D::NOW_MS, D::UINT), D::Params::default()));
        let reads: Vec<_> = tables
            .iter()
            .filter_map(|(table, ids)| {
                let schema = self.seen.schema(table);
                Some((*table, ask_rows(space, &schema, table, ids)?, schema))
            })
            .collect();
        let mut read = Vec::new();
        for (table, statement, schema) in reads {
            asked.push(statement);
            read.push((table, schema));
        }
        let tables: Vec<_> = tables.into_keys().collect();
        asked.push(self.ask_removed(&tables));
        asked.extend((!leases.is_empty()).then(|| self.ask_floors(&leases)));

        let answers = session.ask(asked).await?;
        let mut answers = answers.into_iter().skip(begun).map(|answer| answer.rows);
        let mut next = || answers.next().unwrap_or_default();
        Space::<D>::check(&next(), &self.seen)?;
        let now_ms = one(&next(), "the clock", |row| row.uint(0))?;
        let mut rows = BTreeMap::new();
        for (table, schema) in read {
            rows.extend(read_rows::<D>(&next(), &schema, table)?);
        }
        let (removed, floors) = (read_removed::<D>(&next())?, read_floors::<D>(&next())?);
        let (seen, holders) = (Arc::clone(&self.seen), BTreeMap::new());
        Ok(Base { seen, now_ms, rows, floors, removed, holders })
    }

    fn ask_floors(&self, leases: &BTreeSet<LeaseId>) -> Statement<D::Params> {
        let mut params = D::Params::default();
        let leases: Vec<&str> = leases.iter().map(|lease| &**lease).collect();
        let sql = format!(
            "SELECT lease, epoch{uint}, app, incarnation{uint} FROM {} WHERE {}",
            self.space.table("guildhall_floors"),
            D::is_text(&mut params, "lease", &leases),
            uint = D::UINT
        );
        Statement::new(sql, params)
    }

    fn ask_removed(&self, tables: &[&str]) -> Statement<D::Params> {
        let mut params = D::Params::default();
        let sql = format!(
            "SELECT table_name, version{} FROM {} WHERE {}",
            D::UINT,
            self.space.table("guildhall_removed"),
            D::is_text(&mut params, "table_name", tables)
        );
        Statement::new(sql, params)
    }

    /// Locks values of unique columns, so that nobody else takes them meanwhile, and reads who has them.
    pub(crate) async fn read_holders(
        &self,
        base: &mut Base,
        unread: BTreeSet<Taken>,
    ) -> Result<(), Fault> {
        let name = |(table, column, value): &Taken| {
            format!("unique {} {table} {column} {value:?}", self.space.0)
        };
        let mut asked = vec![D::lock(self.space, unread.iter().map(name).collect())];
        for taken in &unread {
            let (table, number, value) = taken;
            let schema = base.seen.schema(table);
            let column = schema.columns.get(number);
            let found = column.and_then(|it| Some((it, value_of(it.kind, value)?)));
            let Some((column, value)) = found else {
                return Err(Fault::damaged(table, format!("column {number} has no such value")));
            };
            let mut params = D::Params::default();
            let sql = format!(
                "SELECT guildhall_key, guildhall_sub FROM {} WHERE guildhall_exists = TRUE AND {} = {} LIMIT 1",
                self.space.table(table),
                D::comparable(*number, column),
                params.value(&value)
            );
            asked.push(Statement::new(sql, params));
        }
        let answers = self.session.ask(asked).await?.into_iter().skip(1);
        for (taken, answer) in unread.into_iter().zip(answers) {
            let holder = answer.rows.first().map(place).transpose();
            let holder = holder.map_err(|why| Fault::damaged(&taken.0, why))?;
            base.holders.insert(taken, holder);
        }
        Ok(())
    }

    /// Writes what has changed, and commits.
    pub(crate) async fn finish(&self, base: &Base, work: &Work<'_>) -> Result<(), Fault> {
        let (mut writes, mut updates) = (Vec::new(), Updates::default());
        for (at, after) in &work.rows {
            let schema = self.seen.schema(at.0);
            match (base.rows.get(at), after) {
                (None, Some(after)) => writes.push(self.space.insert(&schema, at, after)),
                (Some(before), Some(after)) => {
                    updates.add(at.0, Update::of(&schema, at, before, after));
                }
                (Some(before), None) => writes.push(self.space.delete(at, before)),
                (None, None) => {}
            }
        }
        // How many rows each changes.
        let mut counts = vec![1; writes.len()];
        for (table, rows) in updates.0 {
            let statements = self.space.update(table, &rows);
            counts.extend(vec![rows.len() / statements.len(); statements.len()]);
            writes.extend(statements);
        }
        let floors = work.floors.iter();
        writes.extend(floors.map(|(lease, floor)| self.space.raise_floor(lease, floor)));
        let removed = work.removed.iter();
        writes.extend(removed.map(|(table, version)| self.space.raise_removed(table, *version)));
        if writes.is_empty() {
            return self.session.end().await;
        }
        let written = self.session.ask(writes).await?;
        if written.iter().zip(counts).any(|(answer, count)| answer.changed != count as u64) {
            // The version is not the one that was read: somebody writes without the locks.
            return Err(Fault::Conflict("a row changed while it was locked".to_owned()));
        }
        self.session.commit().await
    }
}

/// Updates by table and columns.
#[derive(Default)]
struct Updates(Vec<(&'static str, Vec<Update>)>);

impl Updates {
    fn add(&mut self, table: &'static str, update: Update) {
        if update.sets.is_empty() {
            return;
        }
        let is_like = |(of, rows): &&mut (&'static str, Vec<Update>)| {
            *of == table && rows.first().is_some_and(|first| first.is_like(&update))
        };
        match self.0.iter_mut().find(is_like) {
            Some((_, rows)) => rows.push(update),
            None => self.0.push((table, vec![update])),
        }
    }
}

/// The statements that begin a transaction that writes.
pub(crate) fn beginning<D: Database>(session: &D::Session) -> Vec<Statement<D::Params>> {
    D::begin(session.left()).into_iter().map(Statement::plain).collect()
}

fn row_lock<D: Database>(space: &Space<D>, id: &RowId) -> String {
    format!("row {} {} {} {}", space.0, id.table.name, id.key, sub_text(id.sub.as_ref()))
}

/// Asks for rows of one table by their keys; nothing, where the table was not prepared.
pub(crate) fn ask_rows<D: Database>(
    space: &Space<D>,
    schema: &Schema,
    table: &str,
    ids: &[&RowId],
) -> Option<Statement<D::Params>> {
    if schema.columns.is_empty() {
        return None;
    }
    let mut params = D::Params::default();
    let sql = format!(
        "SELECT {} FROM {} WHERE {}",
        Parts { schema, only: None }.select::<D>(),
        space.table(table),
        D::is_row(&mut params, ids)
    );
    Some(Statement::new(sql, params))
}

/// Reads the answer to [`ask_rows`].
pub(crate) fn read_rows<D: Database>(
    rows: &[RowOf<D>],
    schema: &Schema,
    table: &'static str,
) -> Result<Vec<(At, Kept)>, Fault> {
    let parts = Parts { schema, only: None };
    let read = rows.iter().map(|row| {
        let (key, sub, kept) = parts.read(row).map_err(|why| Fault::damaged(table, why))?;
        Ok(((table, key, sub), kept))
    });
    read.collect()
}

pub(crate) fn read_floors<D: Database>(
    rows: &[RowOf<D>],
) -> Result<BTreeMap<LeaseId, Floor>, Fault> {
    let floor = |row: &RowOf<D>| -> Result<_, String> {
        let holder = holder(&some(row.text(2), 2)?, some(row.uint(3), 3)?)?;
        let floor = Floor { epoch: some(row.uint(1), 1)?, holder };
        Ok((LeaseId::from(some(row.text(0), 0)?), floor))
    };
    let floors = rows.iter().map(floor).collect::<Result<_, _>>();
    floors.map_err(|why| Fault::damaged("guildhall_floors", why))
}

pub(crate) fn read_removed<D: Database>(rows: &[RowOf<D>]) -> Result<BTreeMap<String, u64>, Fault> {
    let removed = rows.iter().map(|row| Ok((some(row.text(0), 0)?, some(row.uint(1), 1)?)));
    let removed = removed.collect::<Result<_, String>>();
    removed.map_err(|why| Fault::damaged("guildhall_removed", why))
}
