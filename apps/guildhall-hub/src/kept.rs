//! [`Kept`]: the durable state of the leases, as rows in the hub's own file.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::BoxFuture;
use guildhall_core::leases::memory::{KeptLeases, KeptSession, LeaseChanges, LeaseFile};
use guildhall_core::leases::{Holding, LeaseError, LeaseErrorKind};
use guildhall_core::store::{
    Batch, Column, Guard, Holder, Kind, Migrate, Op, Order, PAGE_ROWS_MAX, Query, Row, RowId,
    Store as _, StoreError, StoreErrorKind, Table, Value, Write,
};
use guildhall_hub::{convert, proto};
use guildhall_redb::RedbStore;
use prost::Message as _;

static MARKS: Table = Table {
    name: "guildhall.hub.marks",
    key: Column { number: 1, name: "name", kind: Kind::Text, unique: false, index: false },
    columns: &[Column { number: 2, name: "mark", kind: Kind::Uint, unique: false, index: false }],
};
static LEASES: Table = Table {
    name: "guildhall.hub.leases",
    key: Column { number: 1, name: "name", kind: Kind::Text, unique: false, index: false },
    columns: &[Column { number: 2, name: "value", kind: Kind::Bytes, unique: false, index: false }],
};
const VALUE: u32 = 2;

/// The row of the largest number of an epoch or a session that was given.
const GIVEN: &str = "epochs";

/// What the keys of rows of held ids begin with, and of sessions.
const HELD: &str = "held/";
const SESSION: &str = "session/";

/// How often a write is tried whose row an earlier one has changed, of which nobody waited for the end.
const TRIES: usize = 4;

/// The leases' file.
pub(crate) struct Kept(Arc<RedbStore>);

/// What a row is to be: `None` for a row that is to go.
type Wish = (RowId, Option<Value>);

impl Kept {
    pub(crate) async fn open(store: Arc<RedbStore>) -> Result<Self, StoreError> {
        store.prepare(&[&MARKS, &LEASES], Migrate::Auto).await?;
        Ok(Self(store))
    }

    /// What was kept.
    pub(crate) async fn read(&self) -> Result<KeptLeases, StoreError> {
        let given = self.0.read(&[mark(GIVEN)]).await?.pop().flatten();
        let given = given.as_ref().map_or(0, number_of);
        let mut kept = KeptLeases { given, ..KeptLeases::default() };
        let mut after = None;
        loop {
            let query = Query {
                table: &LEASES,
                conditions: Vec::new(),
                order: Order::Key,
                after,
                limit: PAGE_ROWS_MAX,
                keys_only: false,
            };
            let page = self.0.query(&query).await?;
            for (key, row) in page.rows {
                take(&mut kept, key.as_str(), &row).ok_or_else(|| damaged(key.as_str()))?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(kept);
            }
        }
    }

    /// Writes rows, all or none.
    async fn write(&self, wishes: &[Wish]) -> Result<(), StoreError> {
        let mut tries = 1;
        loop {
            match self.write_once(wishes).await {
                Err(error) if tries < TRIES && is_overtaken(&error.kind) => tries += 1,
                done => return done,
            }
        }
    }

    async fn write_once(&self, wishes: &[Wish]) -> Result<(), StoreError> {
        let ids: Vec<_> = wishes.iter().map(|(id, _)| id.clone()).collect();
        let rows = self.0.read(&ids).await?;
        let ops = wishes.iter().zip(rows).filter_map(|((id, wish), row)| {
            let there = row.filter(|row| row.exists);
            let (guard, write) = match (there, wish) {
                (Some(row), Some(value)) => {
                    (Guard::Version(row.version), Write::Update(vec![(VALUE, value.clone())]))
                }
                (Some(row), None) => (Guard::Version(row.version), Write::Delete),
                (None, Some(value)) => (Guard::Absent, Write::Create(vec![(VALUE, value.clone())])),
                (None, None) => return None,
            };
            Some(Op { row: id.clone(), guard, write, records: None, keep_ms: 0 })
        });
        let ops: Vec<_> = ops.collect();
        if ops.is_empty() {
            return Ok(());
        }
        let deletes =
            ops.iter().map(|op| matches!(op.write, Write::Delete).then(|| op.row.clone()));
        let deleted: Vec<Option<RowId>> = deletes.collect();
        let done = self.0.commit(vec![Batch { ops }]).await;
        let done = done.into_iter().collect::<Result<Vec<_>, _>>()?;
        let versions = done.into_iter().flat_map(|committed| committed.versions);
        self.forget(deleted.into_iter().zip(versions)).await;
        Ok(())
    }

    /// Removes the tombstones of rows that were just deleted: each life of each app, and each lease of the game's, has rows of its own,
    /// and nobody asks for them again.
    async fn forget(&self, rows: impl Iterator<Item = (Option<RowId>, u64)>) {
        let forget = |(row, version): (Option<RowId>, u64)| {
            let guard = Guard::Version(version);
            Some(Op { row: row?, guard, write: Write::Forget, records: None, keep_ms: 0 })
        };
        let ops: Vec<_> = rows.filter_map(forget).collect();
        if !ops.is_empty() {
            // One that stays is an empty row more, and wrong nowhere.
            drop(self.0.commit(vec![Batch { ops }]).await);
        }
    }
}

impl LeaseFile for Kept {
    fn save<'a>(&'a self, changes: &'a LeaseChanges) -> BoxFuture<'a, Result<(), LeaseError>> {
        let sessions = changes.sessions.iter().map(|(holder, session)| {
            let value = session.as_ref().map(|session| encoded(&session_row(holder, session)));
            (lease_row(format!("{SESSION}{holder}")), value)
        });
        let held = changes.held.iter().map(|(id, holding)| {
            let value = holding.as_ref().map(|of| encoded(&convert::holding(of)));
            (lease_row(format!("{HELD}{id}")), value)
        });
        let given = (mark(GIVEN), Some(Value::Uint(changes.given)));
        let wishes: Vec<Wish> = sessions.chain(held).chain([given]).collect();
        Box::pin(async move {
            self.write(&wishes).await.map_err(|error| {
                let why = format!("the leases cannot be written to the file: {error}");
                LeaseError::new(LeaseErrorKind::Unavailable, "save", why)
            })
        })
    }

    fn record<'a>(&'a self, name: &'a str, number: u64) -> BoxFuture<'a, Result<u64, LeaseError>> {
        let unavailable = move |error: StoreError| {
            let why = format!("`{name}` cannot be recorded: {error}");
            LeaseError::new(LeaseErrorKind::Unavailable, "record", why)
        };
        Box::pin(async move {
            let row = mark(&format!("recorded/{name}"));
            for _ in 0..TRIES {
                let rows = self.0.read(std::slice::from_ref(&row)).await.map_err(unavailable)?;
                if let [Some(recorded)] = &rows[..] {
                    return Ok(number_of(recorded));
                }
                let create = Write::Create(vec![(VALUE, Value::Uint(number))]);
                let (row, guard) = (row.clone(), Guard::Absent);
                let op = Op { row, guard, write: create, records: None, keep_ms: 0 };
                let done = self.0.commit(vec![Batch { ops: vec![op] }]).await;
                match done.into_iter().collect::<Result<Vec<_>, _>>() {
                    Ok(_) => return Ok(number),
                    // Somebody else was faster: read again.
                    Err(error) if is_overtaken(&error.kind) => {}
                    Err(error) => return Err(unavailable(error)),
                }
            }
            let why = format!("`{name}` is recorded by others again and again");
            Err(LeaseError::new(LeaseErrorKind::Unavailable, "record", why))
        })
    }
}

/// Whether another write has come before.
fn is_overtaken(kind: &StoreErrorKind) -> bool {
    use StoreErrorKind::{Exists, Missing, Refused};
    matches!(kind, Refused { .. } | Exists | Missing)
}

/// Takes a row in; `None` when it is damaged.
fn take(kept: &mut KeptLeases, key: &str, row: &Row) -> Option<()> {
    let [(VALUE, Value::Bytes(value))] = &row.fields[..] else { return None };
    if let Some(id) = key.strip_prefix(HELD) {
        let holding: Holding = convert::from_holding(proto::Holding::decode(value.clone()).ok()?)?;
        kept.held.insert(id.into(), holding);
    } else {
        key.strip_prefix(SESSION)?;
        let session = proto::KeptSession::decode(value.clone()).ok()?;
        let ttl = Duration::from_millis(session.ttl_ms);
        let holder = convert::from_holder(session.holder)?;
        kept.sessions.insert(holder, KeptSession { number: session.number, ttl });
    }
    Some(())
}

fn session_row(holder: &Holder, session: &KeptSession) -> proto::KeptSession {
    proto::KeptSession {
        holder: Some(convert::holder(holder)),
        number: session.number,
        ttl_ms: convert::to_ms(session.ttl),
    }
}

fn encoded(message: &impl prost::Message) -> Value {
    Value::Bytes(Bytes::from(message.encode_to_vec()))
}

fn number_of(row: &Row) -> u64 {
    match row.fields[..] {
        [(VALUE, Value::Uint(number))] => number,
        _ => 0,
    }
}

fn damaged(key: &str) -> StoreError {
    let why = "the row is damaged; restore the file from a backup, and start the apps again";
    StoreError::new(StoreErrorKind::Invalid, "read", format!("{}/{key}", LEASES.name), why)
}

fn mark(name: &str) -> RowId {
    RowId { table: &MARKS, key: name.into(), sub: None }
}

fn lease_row(name: String) -> RowId {
    RowId { table: &LEASES, key: name.into(), sub: None }
}
