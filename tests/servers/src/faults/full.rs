//! A server of a store whose disk is full.

use std::time::Duration;

use guildhall_core::leases::{LeaseErrorKind, Opened};
use guildhall_core::store::{
    Batch, Column, Guard, Kind, Migrate, Op, RowId, Store, StoreError, StoreErrorKind, Table,
    Value, Write,
};
use guildhall_testkit::SmallDisk;

use super::ground::{Vendor, answer, holder, until_it_works};
use crate::Server;

/// Some servers take two thirds of it for no data at all.
const DISK_MIB: u32 = 256;

/// Longer than the test.
const TTL: Duration = Duration::from_secs(600);

/// Bytes of a note: several pages of every server.
const NOTE_BYTES: usize = 100_000;

/// More than fit.
const NOTES_MAX: usize = 4_000;

const TEXT: u32 = 2;

static NOTE: Table = Table {
    name: "note",
    key: Column { number: 1, name: "id", kind: Kind::Text, unique: false, index: false },
    columns: &[Column {
        number: TEXT,
        name: "text",
        kind: Kind::Text,
        unique: false,
        index: false,
    }],
};

/// Nothing is lost that was acknowledged, each write ends with an error that is true and says why, and when there is room again all works
/// again without a restart.
pub async fn a_full_disk_costs_nothing_that_was_acknowledged(vendor: Vendor, test: &str) {
    // As the test runner names it.
    let name = test.split_once("::").map_or(test, |(_program, name)| name);
    let Some(disk) = SmallDisk::of(name, DISK_MIB) else { return };
    let mut server = Server::within(vendor.recipe, disk.path());
    server.start();
    let backend = vendor.place().open(&server.address()).await;
    let (store, leases) = (backend.store.unwrap(), backend.leases);
    until_it_works(async || store.prepare(&[&NOTE], Migrate::Auto).await).await;
    let mut session = None;
    if let Some(leases) = &leases {
        let open = async || leases.open(&holder(1), None, TTL).await;
        let (Opened::New(number) | Opened::Living(number)) = until_it_works(open).await;
        session = Some((leases, number));
    }
    let mut noise = Noise(1);
    let mut kept = vec![noise.text()];
    until_it_works(async || write(&*store, "0", &kept[0]).await).await;
    let filler = disk.fill();

    let full = loop {
        let text = noise.text();
        match write(&*store, &kept.len().to_string(), &text).await {
            Ok(()) => kept.push(text),
            Err(full) => break full,
        }
        assert!(kept.len() < NOTES_MAX, "the disk is full, and everything fits");
    };
    let is_true = matches!(full.kind, StoreErrorKind::Unavailable | StoreErrorKind::Unknown);
    assert!(is_true, "after {} notes: {:?}: {full}", kept.len(), full.kind);
    let says = full.to_string().to_lowercase();
    let says = words(vendor.recipe.name).iter().any(|word| says.contains(word));
    assert!(says, "it does not say why: {full}");
    // What fits in the pages that are there is done. Nobody loses a session.
    if let Some((leases, number)) = session {
        let renewed = answer(leases.keep_alive(&holder(1), number)).await;
        let is_kept =
            renewed.as_ref().is_err_and(|error| error.kind == LeaseErrorKind::Unavailable);
        assert!(is_kept || renewed.is_ok(), "{renewed:?}");
    }

    drop(filler);
    let last = noise.text();
    until_it_works(async || write(&*store, "last", &last).await).await;
    if let Some((leases, number)) = session {
        leases.keep_alive(&holder(1), number).await.unwrap();
    }
    for (key, text) in kept.iter().enumerate() {
        let row = until_it_works(async || answer(store.read(&[id(&key.to_string())])).await).await;
        let fields = row.into_iter().next().unwrap().map(|row| row.fields);
        assert_eq!(fields, Some(vec![(TEXT, Value::Text(text.clone()))]), "note {key}");
    }
}

/// What a server says of a full disk, or what is said of one that does not answer until there is room.
fn words(server: &str) -> &'static [&'static str] {
    match server {
        "postgres" => &["no space left on device"],
        _ => &["space", "full", "did not answer"],
    }
}

fn id(key: &str) -> RowId {
    RowId { table: &NOTE, key: key.into(), sub: None }
}

/// Creates a note; one that is there is what an earlier try has created.
async fn write(store: &dyn Store, key: &str, text: &str) -> Result<(), StoreError> {
    let write = Write::Create(vec![(TEXT, Value::Text(text.to_owned()))]);
    let op = Op { row: id(key), guard: Guard::Absent, write, records: None, keep_ms: 0 };
    match answer(store.commit(vec![Batch { ops: vec![op] }])).await.remove(0) {
        Err(error) if error.kind != StoreErrorKind::Exists => Err(error),
        _ => Ok(()),
    }
}

/// Text that cannot be compressed, the same in each run.
struct Noise(u64);

impl Noise {
    fn text(&mut self) -> String {
        std::iter::repeat_with(|| self.character()).take(NOTE_BYTES).collect()
    }

    fn character(&mut self) -> char {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'!' + u8::try_from((self.0 >> 33) % 90).unwrap())
    }
}
