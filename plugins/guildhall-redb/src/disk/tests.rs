//! A disk whose sync fails once, as it does on Linux: the page cache then takes for written what is not. What a caller was answered
//! holds after a power failure.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use guildhall_core::store::{
    Batch, Column, Guard, Holder, Kind, Migrate, Op, RowId, Store as _, StoreError, StoreErrorKind,
    Table, Token, Value, Write,
};
use guildhall_core::{Env, Incarnation};
use parking_lot::Mutex;
use redb::{Builder, Database, DatabaseError, StorageBackend};

use super::Disk;
use crate::{RedbStore, Settings};

const PAGE: usize = 4096;

/// A file on a disk, and the page cache over it.
#[derive(Debug, Default)]
struct Drive {
    written: Vec<u8>,
    cached: BTreeMap<usize, Page>,
    /// Power failures so far: a file that was opened before the last one is gone.
    life: u64,
    syncs: u64,
    /// The sync that fails, and which of its pages reach the disk: a bit each.
    fails: Option<(u64, u64)>,
}

#[derive(Clone, Debug)]
struct Page {
    bytes: Vec<u8>,
    dirty: bool,
}

impl Drive {
    fn page(&self, at: usize) -> Page {
        if let Some(page) = self.cached.get(&at) {
            return page.clone();
        }
        let mut bytes = vec![0; PAGE];
        let written = self.written.get(at * PAGE..).unwrap_or_default();
        let there = written.len().min(PAGE);
        bytes[..there].copy_from_slice(&written[..there]);
        Page { bytes, dirty: false }
    }

    /// Writes dirty pages back, those of `which`. All are clean then.
    fn write_back(&mut self, which: impl Fn(usize) -> bool) {
        for (&at, page) in self.cached.iter_mut().filter(|(_, page)| page.dirty) {
            page.dirty = false;
            let end = self.written.len().min((at + 1) * PAGE);
            if which(at)
                && let Some(to) = self.written.get_mut(at * PAGE..end)
            {
                to.copy_from_slice(&page.bytes[..to.len()]);
            }
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.syncs += 1;
        match self.fails {
            Some((number, reaches)) if number == self.syncs => {
                self.write_back(|at| reaches >> (at % 64) & 1 == 1);
                Err(io::Error::other("the disk does not answer"))
            }
            _ => {
                self.write_back(|_| true);
                Ok(())
            }
        }
    }
}

/// A [`Drive`], and whether its page cache can be dropped.
#[derive(Clone)]
struct FailingDisk {
    drive: Arc<Mutex<Drive>>,
    drops: bool,
    reads: Arc<Reads>,
}

/// Reads at this time, and the most that there were.
#[derive(Debug, Default)]
struct Reads {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl FailingDisk {
    fn new(drops: bool) -> Self {
        Self { drive: Arc::default(), drops, reads: Arc::default() }
    }

    /// The `after`th sync from now on fails.
    fn fail(&self, after: u64, reaches: u64) {
        let mut drive = self.drive.lock();
        drive.fails = Some((drive.syncs + after, reaches));
    }

    fn has_failed(&self) -> bool {
        let drive = self.drive.lock();
        drive.fails.is_some_and(|(number, _)| number <= drive.syncs)
    }

    fn lose_power(&self) {
        let mut drive = self.drive.lock();
        drive.cached.clear();
        drive.fails = None;
        drive.life += 1;
    }
}

impl Disk for FailingDisk {
    fn drop_page_cache(&self, _path: &Path) -> io::Result<()> {
        if self.drops {
            let mut drive = self.drive.lock();
            drive.sync()?;
            drive.cached.clear();
        }
        Ok(())
    }

    fn open(&self, builder: &Builder, _path: &Path) -> Result<Database, DatabaseError> {
        let life = self.drive.lock().life;
        let (drive, reads) = (Arc::clone(&self.drive), Arc::clone(&self.reads));
        builder.create_with_backend(OpenFile { drive, life, reads })
    }
}

#[derive(Debug)]
struct OpenFile {
    drive: Arc<Mutex<Drive>>,
    life: u64,
    reads: Arc<Reads>,
}

impl OpenFile {
    fn with<T>(&self, act: impl FnOnce(&mut Drive) -> io::Result<T>) -> io::Result<T> {
        let mut drive = self.drive.lock();
        if drive.life != self.life {
            return Err(io::Error::other("the machine is off"));
        }
        act(&mut drive)
    }
}

impl StorageBackend for OpenFile {
    fn len(&self) -> io::Result<u64> {
        self.with(|drive| Ok(drive.written.len() as u64))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        self.with(|drive| {
            drive.written.resize(len, 0);
            drive.cached.retain(|at, _| at * PAGE < len);
            Ok(())
        })
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let now = self.reads.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.reads.most.fetch_max(now, Ordering::SeqCst);
        std::thread::yield_now();
        self.reads.now.fetch_sub(1, Ordering::SeqCst);
        self.with(|drive| {
            for (at, byte) in (offset..).zip(out) {
                *byte = match drive.cached.get(&(at / PAGE)) {
                    Some(page) => page.bytes[at % PAGE],
                    None => *drive.written.get(at).ok_or(io::ErrorKind::UnexpectedEof)?,
                };
            }
            Ok(())
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut at = usize::try_from(offset).map_err(io::Error::other)?;
        let mut left = data;
        self.with(|drive| {
            let end = drive.written.len().max(at + data.len());
            drive.written.resize(end, 0);
            while !left.is_empty() {
                let (number, from) = (at / PAGE, at % PAGE);
                let count = left.len().min(PAGE - from);
                let mut page = drive.page(number);
                page.bytes[from..from + count].copy_from_slice(&left[..count]);
                page.dirty = true;
                drive.cached.insert(number, page);
                (at, left) = (at + count, &left[count..]);
            }
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(Drive::sync)
    }
}

static ROLE: Table = Table {
    name: "role",
    key: Column { number: 1, name: "id", kind: Kind::Text, unique: false, index: false },
    columns: &[Column { number: 2, name: "name", kind: Kind::Text, unique: true, index: false }],
};

fn row(key: &str) -> RowId {
    RowId { table: &ROLE, key: key.into(), sub: None }
}

fn token() -> Token {
    let app = "test.w1.role.1".parse().unwrap();
    let holder = Holder { app, incarnation: Incarnation(1) };
    Token { lease: "role/1".into(), epoch: 1, holder, activation: 1 }
}

async fn open(disk: &FailingDisk, settings: &Settings) -> Result<RedbStore, StoreError> {
    RedbStore::open_on(&Env::real(), settings.clone(), Arc::new(disk.clone())).await
}

async fn create(store: &RedbStore, key: &str) -> Result<(), StoreError> {
    let op = Op {
        row: row(key),
        guard: Guard::Owner(token(), 1),
        write: Write::Create(vec![(2, Value::Text(key.repeat(3_000)))]),
        records: None,
        keep_ms: 0,
    };
    store.commit(vec![Batch { ops: vec![op] }]).await.remove(0).map(drop)
}

async fn exists(store: &RedbStore, key: &str) -> bool {
    store.read(&[row(key)]).await.unwrap()[0].as_ref().is_some_and(|row| row.exists)
}

/// What is done after the sync has failed, before the power fails.
#[derive(Clone, Copy, Debug)]
enum Then {
    Nothing,
    /// The very same write once more.
    Again,
    /// The program ends and starts, and then the very same write.
    AgainInANewProcess,
}

/// A commit whose `after`th sync fails, and what the disk has after a power failure.
struct Outcome {
    has_failed: bool,
    answer: Result<(), StoreErrorKind>,
    is_there: bool,
}

impl Outcome {
    async fn of(disk: &FailingDisk, after: u64, reaches: u64, then: Then) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::new(folder.path());
        let mut store = open(disk, &settings).await.unwrap();
        store.prepare(&[&ROLE], Migrate::Auto).await.unwrap();
        store.claim(&[row("a"), row("b")], token()).await.unwrap();
        create(&store, "a").await.unwrap();
        disk.fail(after, reaches);
        let mut answer = create(&store, "b").await;
        match then {
            Then::Nothing => {}
            Then::Again => answer = create(&store, "b").await,
            Then::AgainInANewProcess => {
                drop(store);
                store = match open(disk, &settings).await {
                    Ok(store) => store,
                    // The sync that fails is one of the start.
                    Err(_) => open(disk, &settings).await.unwrap(),
                };
                answer = create(&store, "b").await;
            }
        }
        let has_failed = disk.has_failed();
        disk.lose_power();
        drop(store);
        let store = open(disk, &settings).await.unwrap();
        assert!(exists(&store, "a").await, "what was committed before is there");
        let is_there = exists(&store, "b").await;
        Self { has_failed, answer: answer.map_err(|error| error.kind), is_there }
    }

    fn holds(&self) -> bool {
        match &self.answer {
            Ok(()) => self.is_there,
            Err(StoreErrorKind::Unavailable) => !self.is_there,
            Err(kind) => *kind == StoreErrorKind::Unknown,
        }
    }
}

/// Which pages reach the disk: none, all, all but the header, the header alone, and some.
const REACHES: [u64; 6] = [0, u64::MAX, !1, 1, 0x5555_5555_5555_5555, 0x00ff_ff00_ff00_00ff];

#[tokio::test]
async fn what_was_answered_after_a_failed_sync_holds_after_a_power_failure() {
    let mut tried = 0;
    for then in [Then::Nothing, Then::Again, Then::AgainInANewProcess] {
        for after in 1..=3 {
            for reaches in REACHES {
                let outcome = Outcome::of(&FailingDisk::new(true), after, reaches, then).await;
                tried += usize::from(outcome.has_failed);
                let Outcome { answer, is_there, .. } = &outcome;
                let what = format!("sync {after}, pages {reaches:x}, {then:?}");
                assert!(outcome.holds(), "{what}: {answer:?}, and is there: {is_there}");
            }
        }
    }
    assert!(tried >= 36, "both syncs of a commit: only {tried} have failed");
}

/// redb writes its header anew when it opens a file, and so repairs by chance what the page cache alone had. The answer must not depend
/// on that.
#[tokio::test]
async fn a_commit_whose_header_did_not_reach_the_disk_is_not_answered_from_the_page_cache() {
    for reaches in [0, !1] {
        let answer = async |drops| {
            Outcome::of(&FailingDisk::new(drops), 2, reaches, Then::Nothing).await.answer
        };
        assert_eq!(answer(true).await, Err(StoreErrorKind::Unavailable), "the disk has it not");
        assert_eq!(answer(false).await, Ok(()), "without the drop it is: this test sees that");
    }
}

#[test]
fn a_failed_sync_leaves_pages_that_only_the_page_cache_has() {
    let disk = FailingDisk::new(true);
    let file = || {
        let (drive, life) = (Arc::clone(&disk.drive), disk.drive.lock().life);
        OpenFile { drive, life, reads: Arc::default() }
    };
    let read = || {
        let mut bytes = [0; 2];
        file().read(PAGE as u64 - 1, &mut bytes).unwrap();
        bytes
    };
    let before = file();
    before.write(PAGE as u64 - 1, &[1, 1]).unwrap();
    before.sync_data().unwrap();
    disk.fail(1, 0b10);
    before.write(PAGE as u64 - 1, &[2, 2]).unwrap();
    before.sync_data().unwrap_err();
    before.sync_data().unwrap();
    assert_eq!(read(), [2, 2], "the page cache has both");
    disk.lose_power();
    assert_eq!(read(), [1, 2], "the disk has the second page");
    before.write(0, &[3]).unwrap_err();
}

#[tokio::test]
async fn reads_that_run_at_a_time_are_bounded() {
    let (disk, folder) = (FailingDisk::new(true), tempfile::tempdir().unwrap());
    // Without a cache each read is one of the disk.
    let settings = Settings { cache_mb: 0, readers: 3, ..Settings::new(folder.path()) };
    let store = open(&disk, &settings).await.unwrap();
    store.prepare(&[&ROLE], Migrate::Auto).await.unwrap();
    store.claim(&[row("a"), row("b")], token()).await.unwrap();
    create(&store, "a").await.unwrap();
    disk.reads.most.store(0, Ordering::SeqCst);
    for _ in 0..10 {
        let (a, b) = ([row("a")], [row("b")]);
        let read = join_all((0..100).map(|n| store.read(if n % 2 == 0 { &a } else { &b }))).await;
        assert!(read.iter().all(Result::is_ok));
    }
    let most = disk.reads.most.load(Ordering::SeqCst);
    assert!((1..=3).contains(&most), "{most} at a time");
}
