//! Rows with all that rows can have, made from a seed through the writers of a store.

use bytes::Bytes;
use guildhall_core::store::memory::MemoryStore;
use guildhall_core::store::{
    Batch, Column, Guard, Holder, Kind, Migrate, Op, RowId, Store, Table, Token, Value, WAKE, Write,
};
use guildhall_core::{Incarnation, Key};

use super::ground::{KEY, column, indexed};

/// A table with a column of every kind.
pub(super) static ALL: Table = Table {
    name: "contract_all",
    key: KEY,
    columns: &[
        column(2, "is_it", Kind::Bool, false),
        indexed(3, "power", Kind::Int),
        column(4, "coins", Kind::Uint, false),
        column(5, "speed", Kind::Float, false),
        column(6, "handle", Kind::Text, true),
        column(7, "raw", Kind::Bytes, false),
        column(8, "bag", Kind::Proto, false),
        WAKE,
    ],
};

/// Tombstones are kept for longer than any test.
const KEEP_MS: u64 = 3_600_000;

/// Numbers from a seed: SplitMix64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut n = self.0;
        n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^ (n >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap_or_default()]
    }

    fn text(&mut self) -> String {
        const PARTS: [&str; 8] = ["", "a", "Ann", "é", "名前", "'\"\\;--", "\0", "\u{1}"];
        (0..self.below(4)).map(|_| self.pick(&PARTS)).collect()
    }

    fn bytes(&mut self) -> Bytes {
        let count = self.below(40);
        (0..count).map(|_| u8::try_from(self.below(256)).unwrap_or_default()).collect()
    }

    fn value(&mut self, column: &Column, row: u64) -> Value {
        const EDGES: [u64; 5] = [0, 1, 1 << 53, i64::MAX as u64, u64::MAX];
        let edge = self.pick(&EDGES);
        match column.kind {
            Kind::Bool => Value::Bool(self.below(2) == 1),
            Kind::Int => Value::Int(edge.cast_signed()),
            Kind::Uint => Value::Uint(edge),
            Kind::Float => Value::Float(self.pick(&[0.0, 0.1, -1.5e300, 5e-324])),
            // No two rows have the same, unless it is the default.
            Kind::Text if self.below(5) == 0 => Value::Text(String::new()),
            Kind::Text => Value::Text(format!("{row}{}", self.text())),
            Kind::Bytes | Kind::Proto => Value::Bytes(self.bytes()),
        }
    }

    /// Some columns of a row; none now and then.
    fn fields(&mut self, row: u64) -> Vec<(u32, Value)> {
        let most = self.below(4);
        let mut fields = Vec::new();
        for column in ALL.columns.iter().filter(|_| most > 0) {
            if self.below(4) < most + 1 {
                fields.push((column.number, self.value(column, row)));
            }
        }
        fields
    }
}

/// Rows that one commit writes: several groups of what a server may write at once, and some that differ.
const TOGETHER: u64 = 24;

/// Rule 10: what many rows are given in one commit each of them has, of every kind of column.
pub async fn rows_of_one_commit_have_what_each_was_given<T: Store>(open: impl AsyncFn() -> T) {
    let (store, right, mut dice) = (open().await, MemoryStore::new(), Dice(7));
    let app = "test.w1.all.1".parse().expect("four labels");
    let holder = Holder { app, incarnation: Incarnation(u64::MAX) };
    let by = Token { lease: "contract/1".into(), epoch: 5, holder, activation: 1 };
    let id = |n: u64| RowId { table: &ALL, key: Key::from(format!("{n}\0'")), sub: None };
    let ids: Vec<_> = (0..TOGETHER).map(id).collect();
    for store in [&store as &dyn Store, &right] {
        store.prepare(&[&ALL], Migrate::Auto).await.expect("an empty store takes any table");
        store.claim(&ids, by.clone()).await.expect("nobody has them");
    }
    for round in 1..=6 {
        let columns: Vec<_> = ALL.columns.iter().filter(|_| dice.below(3) > 0).collect();
        let mut batches = Vec::new();
        for (id, n) in ids.iter().zip(0..) {
            let fields = match dice.below(6) {
                0 => dice.fields(n),
                _ => columns.iter().map(|it| (it.number, dice.value(it, n))).collect(),
            };
            let write = if round == 1 { Write::Create(fields) } else { Write::Update(fields) };
            let records = (dice.below(3) == 0).then(|| dice.bytes());
            let guard = Guard::Owner(by.clone(), round);
            batches.push(Batch {
                ops: vec![Op { row: id.clone(), guard, write, records, keep_ms: 0 }],
            });
        }
        let wanted = right.commit(batches.clone()).await;
        assert!(wanted.iter().all(Result::is_ok), "round {round}: {wanted:?}");
        assert_eq!(store.commit(batches).await, wanted, "round {round}");
        assert_eq!(store.read(&ids).await, right.read(&ids).await, "round {round}");
    }
}

/// Makes about `count` rows, tombstones among them, and removes some.
///
/// # Panics
/// The store does not take them: the message has the seed.
pub async fn fill(store: &dyn Store, seed: u64, count: u64) {
    store.prepare(&[&ALL], Migrate::Auto).await.expect("an empty store takes any table");
    let mut dice = Dice(seed);
    for n in 0..count {
        let sub =
            (dice.below(3) == 0).then(|| Key::from(format!("{}{}", dice.text(), dice.below(9))));
        let id = RowId { table: &ALL, key: Key::from(format!("{}{n}", dice.text())), sub };
        let app = format!("test.w1.all.{}", 1 + dice.below(3)).parse().expect("four labels");
        let holder = Holder { app, incarnation: Incarnation(u64::MAX - n) };
        let lease = format!("contract/{}", dice.below(4)).into();
        let epoch = ((n + 1) << 48) + seed % 1000;
        // Rows are made with ever larger epochs, above every floor.
        let by = Token { lease, epoch, holder, activation: u64::MAX - dice.below(9) };
        if let Err(error) = make(store, &mut dice, &id, &by, n).await {
            panic!("seed {seed}, row {n}: {error}");
        }
    }
}

async fn make(
    store: &dyn Store,
    dice: &mut Dice,
    id: &RowId,
    by: &Token,
    n: u64,
) -> Result<(), guildhall_core::store::StoreError> {
    let what = dice.below(8);
    if what == 0 {
        let create = Write::Create(dice.fields(n));
        return write(store, id, Guard::Absent, create, None, 0).await.map(drop);
    }
    let mut version = store.claim(std::slice::from_ref(id), by.clone()).await?[0].version;
    let guard = |version| Guard::Owner(by.clone(), version);
    if what == 1 {
        return Ok(());
    }
    let records = (dice.below(2) == 0).then(|| dice.bytes());
    let create = Write::Create(dice.fields(n));
    version = write(store, id, guard(version), create, records, 0).await?;
    if what == 2 || what == 3 {
        let (update, records) = (Write::Update(dice.fields(n)), Some(dice.bytes()));
        version = write(store, id, guard(version), update, records, 0).await?;
    }
    if what == 3 || what == 4 {
        write(store, id, guard(version), Write::Delete, None, KEEP_MS).await?;
    }
    if what == 5 {
        version = write(store, id, guard(version), Write::Delete, None, 0).await?;
        write(store, id, guard(version), Write::Forget, None, 0).await?;
    }
    Ok(())
}

async fn write(
    store: &dyn Store,
    row: &RowId,
    guard: Guard,
    write: Write,
    records: Option<Bytes>,
    keep_ms: u64,
) -> Result<u64, guildhall_core::store::StoreError> {
    let op = Op { row: row.clone(), guard, write, records, keep_ms };
    let done = store.commit(vec![Batch { ops: vec![op] }]).await.remove(0)?;
    Ok(done.versions[0])
}
