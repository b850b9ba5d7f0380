//! The scripts decide as the core does: the same requests, at random, to Redis and to the store in memory.

use guildhall_core::store::memory::MemoryStore;
use guildhall_core::store::{
    Batch, Compare, Condition, Guard, Migrate, Op, Order, Query, RowId, Store, Token, Value, Write,
};

use crate::ground::{COUNT, HERO, NAME, holder};
use crate::server::{fast, fresh, is_there, open};

const STEPS: u64 = 3000;
const KEYS: [&str; 4] = ["a", "a\0b", "b:c", "ü"];

/// Numbers that are the same at each run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()].clone()
    }

    fn row(&mut self) -> RowId {
        let sub = self.one(&[None, None, None, Some("s")]);
        RowId { table: &HERO, key: self.one(&KEYS).into(), sub: sub.map(Into::into) }
    }

    fn token(&mut self) -> Token {
        let epoch = self.one(&[9, 10, 10, 10, u64::MAX - 1]);
        let lease = self.one(&["hero/1", "hero/1", "hero/1", "hero/1", "hero/2"]).into();
        let (inst, life) = (self.one(&[1, 1, 1, 2]), self.one(&[1, 1, 2]));
        Token { lease, epoch, holder: holder(inst, life), activation: 1 + self.below(2) }
    }

    fn fields(&mut self) -> Vec<(u32, Value)> {
        let name = self.one(&["", "ann", "bob", "c\0", "c"]).to_owned();
        let count = self.one(&[0, 1, 10, u64::MAX]);
        match self.below(4) {
            0 => Vec::new(),
            1 => vec![(NAME, Value::Text(name))],
            2 => vec![(COUNT, Value::Uint(count))],
            _ => vec![(NAME, Value::Text(name)), (COUNT, Value::Uint(count))],
        }
    }

    /// Mostly what the row allows, so that something happens.
    async fn op(&mut self, store: &impl Store) -> Op {
        let row = self.row();
        let now = store.read(std::slice::from_ref(&row)).await.unwrap().remove(0);
        let version = now.as_ref().map_or(0, |row| row.version);
        let version =
            self.one(&[version, version, version, version, version.wrapping_sub(1), version + 1]);
        let token = now.as_ref().and_then(|row| row.token.clone());
        let guard = match (self.below(8), token) {
            (0, _) => Guard::Absent,
            (1, _) => Guard::Version(version),
            (2, _) => Guard::Owner(self.token(), version),
            (_, Some(token)) => Guard::Owner(token, version),
            (_, None) if now.is_some_and(|row| row.exists) => Guard::Version(version),
            (_, None) => Guard::Absent,
        };
        let write = match self.below(8) {
            0 | 1 => Write::Create(self.fields()),
            2..=4 => Write::Update(self.fields()),
            5 => Write::Delete,
            _ => Write::Forget,
        };
        let records = self.one(&[None, None, Some("r1"), Some("")]).map(Into::into);
        Op { row, guard, write, records, keep_ms: self.one(&[0, 0, 3_600_000]) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_decides_as_the_store_in_memory_does() {
    if !is_there("alike::redis_decides_as_the_store_in_memory_does") {
        return;
    }
    let (memory, redis) = (MemoryStore::new(), open(&fast().url(), &fresh()).await.store());
    memory.prepare(&[&HERO], Migrate::Auto).await.unwrap();
    redis.prepare(&[&HERO], Migrate::Auto).await.unwrap();
    let (mut random, mut done, mut refused) = (Random(1), 0, 0);
    for step in 0..STEPS {
        if random.below(4) == 0 {
            let (row, by) = (random.row(), random.token());
            let rows = [row];
            let (want, have) =
                (memory.claim(&rows, by.clone()).await, redis.claim(&rows, by).await);
            assert_eq!(have, want, "claim in step {step}");
        } else {
            let mut batches = Vec::new();
            for _ in 0..=random.below(2) {
                let mut ops = vec![random.op(&memory).await];
                if random.below(3) == 0 {
                    ops.push(random.op(&memory).await);
                }
                batches.push(Batch { ops });
            }
            let want = memory.commit(batches.clone()).await;
            let have = redis.commit(batches.clone()).await;
            for (want, have) in want.iter().zip(&have) {
                match (want, have) {
                    (Ok(want), Ok(have)) => {
                        assert_eq!(have, want, "step {step}: {batches:?}");
                        done += 1;
                    }
                    (Err(want), Err(have)) => {
                        assert_eq!(have.kind, want.kind, "step {step}: {want} {have} {batches:?}");
                        refused += 1;
                    }
                    other => panic!("step {step}: {other:?} {batches:?}"),
                }
            }
        }
        if step % 100 == 0 {
            are_alike(&memory, &redis).await;
        }
    }
    are_alike(&memory, &redis).await;
    assert!(done > 500 && refused > 500, "{done} done and {refused} refused");
}

/// All rows, indexes and tombstones.
async fn are_alike(memory: &impl Store, redis: &impl Store) {
    for key in KEYS {
        for sub in [None, Some("s".into())] {
            let row = [RowId { table: &HERO, key: key.into(), sub }];
            assert_eq!(redis.read(&row).await, memory.read(&row).await, "{row:?}");
        }
    }
    let over =
        |count| Condition { column: COUNT, compare: Compare::Greater, value: Value::Uint(count) };
    let is = |name: &str| Condition {
        column: NAME,
        compare: Compare::Equal,
        value: Value::Text(name.to_owned()),
    };
    for (conditions, order) in [
        (vec![], Order::Key),
        (vec![], Order::Up(COUNT)),
        (vec![], Order::Down(NAME)),
        (vec![over(0)], Order::Down(COUNT)),
        (vec![over(0)], Order::Up(NAME)),
        (vec![is("c")], Order::Key),
        (vec![is("c\0"), over(1)], Order::Up(COUNT)),
    ] {
        for limit in [1, 2, 9] {
            let mut query = Query {
                table: &HERO,
                conditions: conditions.clone(),
                order,
                after: None,
                limit,
                keys_only: limit == 2,
            };
            loop {
                let (want, have) =
                    (memory.query(&query).await.unwrap(), redis.query(&query).await.unwrap());
                // Where the last one of a page is the last one that there is, a store may say so at once.
                assert_eq!(have.rows, want.rows, "{query:?}");
                assert_eq!(have.next, want.next, "{query:?}");
                let Some(next) = want.next else { break };
                query.after = Some(next);
            }
        }
    }
    let listed = async |store: &dyn Store| {
        let mut all = store.tombstones(&HERO, None, 100).await.unwrap();
        all.sort_by_key(|of| of.row.to_string());
        all.iter().map(|of| format!("{} {:?} {}", of.row, of.token, of.version)).collect::<Vec<_>>()
    };
    assert_eq!(listed(redis).await, listed(memory).await);
}
