//! The contract of every store.

use guildhall_core::Env;
use guildhall_redb::{RedbStore, Settings};

guildhall_testkit::store_contract!(|| {
    let dir = tempfile::tempdir().unwrap();
    async move || RedbStore::open(&Env::real(), Settings::new(dir.path())).await.unwrap()
});

guildhall_testkit::store_bulk_contract!(|| {
    let dir = tempfile::tempdir().unwrap();
    async move || RedbStore::open(&Env::real(), Settings::new(dir.path())).await.unwrap()
});
