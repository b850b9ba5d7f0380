//! [`Marks`]: what the leases must not forget, as a row in the hub's own file.

use std::sync::Arc;

use guildhall_core::BoxFuture;
use guildhall_core::leases::memory::EpochMark;
use guildhall_core::leases::{LeaseError, LeaseErrorKind};
use guildhall_core::store::{
    Batch, Column, Guard, Kind, Migrate, Op, Row, RowId, Store as _, StoreError, StoreErrorKind,
    Table, Value, Write,
};
use guildhall_redb::RedbStore;

static MARKS: Table = Table {
    name: "guildhall.hub.marks",
    key: Column { number: 1, name: "name", kind: Kind::Text, unique: false, index: false },
    columns: &[Column { number: 2, name: "mark", kind: Kind::Uint, unique: false, index: false }],
};
const MARK: u32 = 2;

/// The row of the largest epoch that may be granted.
const EPOCHS: &str = "epochs";

/// The largest epoch that may be granted.
pub(crate) struct Marks(Arc<RedbStore>);

impl Marks {
    pub(crate) async fn open(store: Arc<RedbStore>) -> Result<Self, StoreError> {
        store.prepare(&[&MARKS], Migrate::Auto).await?;
        Ok(Self(store))
    }

    /// What was kept last.
    pub(crate) async fn kept(&self) -> Result<u64, StoreError> {
        Ok(self.row(EPOCHS).await?.as_ref().map_or(0, mark_of))
    }

    async fn row(&self, name: &str) -> Result<Option<Row>, StoreError> {
        Ok(self.0.read(&[id(name)]).await?.pop().flatten())
    }

    async fn keep(&self, name: &str, mark: u64) -> Result<(), StoreError> {
        let fields = vec![(MARK, Value::Uint(mark))];
        let (guard, write) = match self.row(name).await? {
            None => (Guard::Absent, Write::Create(fields)),
            Some(row) => (Guard::Version(row.version), Write::Update(fields)),
        };
        let op = Op { row: id(name), guard, write, records: None };
        let done = self.0.commit(vec![Batch { ops: vec![op] }]).await;
        done.into_iter().collect::<Result<Vec<_>, _>>().map(drop)
    }
}

impl EpochMark for Marks {
    fn raise(&self, mark: u64) -> BoxFuture<'_, Result<(), LeaseError>> {
        Box::pin(async move {
            self.keep(EPOCHS, mark).await.map_err(|error| {
                let why = format!("the epoch cannot be kept: {error}");
                LeaseError::new(LeaseErrorKind::Unavailable, "acquire", why)
            })
        })
    }

    fn record<'a>(&'a self, name: &'a str, number: u64) -> BoxFuture<'a, Result<u64, LeaseError>> {
        let unavailable = move |error: StoreError| {
            let why = format!("`{name}` cannot be recorded: {error}");
            LeaseError::new(LeaseErrorKind::Unavailable, "record", why)
        };
        Box::pin(async move {
            let row = format!("recorded/{name}");
            if let Some(recorded) = self.row(&row).await.map_err(unavailable)? {
                return Ok(mark_of(&recorded));
            }
            match self.keep(&row, number).await {
                Ok(()) => Ok(number),
                // Somebody else was faster.
                Err(error) if error.kind == StoreErrorKind::Exists => {
                    let recorded = self.row(&row).await.map_err(unavailable)?;
                    Ok(recorded.as_ref().map_or(number, mark_of))
                }
                Err(error) => Err(unavailable(error)),
            }
        })
    }
}

fn mark_of(row: &Row) -> u64 {
    match row.fields[..] {
        [(MARK, Value::Uint(mark))] => mark,
        _ => 0,
    }
}

fn id(name: &str) -> RowId {
    RowId { table: &MARKS, key: name.into(), sub: None }
}
