//! [`Marks`]: what the leases must not forget, as a row in the hub's own file.

use std::sync::Arc;

use guildhall_core::BoxFuture;
use guildhall_core::leases::memory::EpochMark;
use guildhall_core::leases::{LeaseError, LeaseErrorKind};
use guildhall_core::store::{
    Batch, Column, Guard, Kind, Migrate, Op, Row, RowId, Store as _, StoreError, Table, Value,
    Write,
};
use guildhall_redb::RedbStore;

static MARKS: Table = Table {
    name: "guildhall.hub.marks",
    key: Column { number: 1, name: "name", kind: Kind::Text, unique: false, index: false },
    columns: &[Column { number: 2, name: "mark", kind: Kind::Uint, unique: false, index: false }],
};
const MARK: u32 = 2;

/// The largest epoch that may be granted.
pub(crate) struct Marks(Arc<RedbStore>);

impl Marks {
    pub(crate) async fn open(store: Arc<RedbStore>) -> Result<Self, StoreError> {
        store.prepare(&[&MARKS], Migrate::Auto).await?;
        Ok(Self(store))
    }

    /// What was kept last.
    pub(crate) async fn kept(&self) -> Result<u64, StoreError> {
        Ok(self.row().await?.map_or(0, |row| match row.fields[..] {
            [(MARK, Value::Uint(mark))] => mark,
            _ => 0,
        }))
    }

    async fn row(&self) -> Result<Option<Row>, StoreError> {
        Ok(self.0.read(&[id()]).await?.pop().flatten())
    }

    async fn keep(&self, mark: u64) -> Result<(), StoreError> {
        let fields = vec![(MARK, Value::Uint(mark))];
        let (guard, write) = match self.row().await? {
            None => (Guard::Absent, Write::Create(fields)),
            Some(row) => (Guard::Version(row.version), Write::Update(fields)),
        };
        let op = Op { row: id(), guard, write, records: None };
        let done = self.0.commit(vec![Batch { ops: vec![op] }]).await;
        done.into_iter().collect::<Result<Vec<_>, _>>().map(drop)
    }
}

impl EpochMark for Marks {
    fn raise(&self, mark: u64) -> BoxFuture<'_, Result<(), LeaseError>> {
        Box::pin(async move {
            self.keep(mark).await.map_err(|error| {
                let why = format!("the epoch cannot be kept: {error}");
                LeaseError::new(LeaseErrorKind::Unavailable, "acquire", why)
            })
        })
    }
}

fn id() -> RowId {
    RowId { table: &MARKS, key: "epochs".into(), sub: None }
}
