//! Commits that come at the same time share a transaction.

use std::time::Duration;

use futures_util::future::join_all;
use guildhall_core::Env;
use guildhall_core::store::{Guard, Migrate, Store as _, Value, Write};
use guildhall_postgres::PostgresStore;

use crate::ground::{COUNT, HERO, batch, commit, fresh_schema, is_there, row, store, token};

const SUBMITTERS: usize = 64;
const TIME: Duration = Duration::from_secs(3);

/// Each submitter saves its own row again and again; how many saves per second.
async fn saves(stores: &[PostgresStore]) -> u128 {
    let env = Env::real();
    let store = |submitter: usize| &stores[submitter % stores.len()];
    let claim = async |submitter: usize| {
        let key = submitter.to_string();
        store(submitter).claim(&[row(&key)], token()).await.unwrap()[0].version
    };
    // Also so that all are connected.
    let versions = join_all((0..SUBMITTERS).map(claim)).await;
    let end = env.now() + TIME;
    let submit = async |(submitter, mut version): (usize, u64)| {
        let (key, mut saved) = (submitter.to_string(), 0);
        while env.now() < end {
            let fields = vec![(COUNT, Value::Uint(version))];
            let is_new = version == 1;
            let write = if is_new { Write::Create(fields) } else { Write::Update(fields) };
            let write = batch(&key, Guard::Owner(token(), version), write);
            version += 1;
            assert_eq!(commit(store(submitter), write).await.unwrap().versions, [version]);
            saved += 1;
        }
        saved
    };
    let saved = join_all(versions.into_iter().enumerate().map(submit)).await;
    saved.into_iter().sum::<u128>() * 1000 / TIME.as_millis()
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::print_stdout, reason = "it prints the figures of its run")]
async fn commits_of_many_callers_share_transactions() {
    if !is_there("group::commits_of_many_callers_share_transactions") {
        return;
    }
    let schema = fresh_schema();
    let one = store(&schema);
    one.prepare(&[&HERO], Migrate::Auto).await.unwrap();
    let together = saves(std::slice::from_ref(&one)).await;
    // An app each has a transaction each.
    let alone: Vec<_> = (0..SUBMITTERS).map(|_| store(&schema)).collect();
    let alone = saves(&alone).await;
    println!(
        "{SUBMITTERS} submitters: {together} saves/s in shared transactions, {alone} in one each"
    );
    assert!(together > alone, "{together} in groups, {alone} one by one");
}
