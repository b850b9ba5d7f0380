//! Copies from store to store, by the plugins as programs use them, on real servers.

use std::sync::Arc;

use guildhall_core::store::bulk::{BULK_ROWS_MAX, Placed, Put, table_of};
use guildhall_core::store::copy::{check_kept, copy};
use guildhall_core::store::memory::MemoryStore;
use guildhall_core::store::{Migrate, Store};
use guildhall_core::{Config, Env, Opening};
use guildhall_testkit::store::{assert_same, fill};
use servers::{MONGO, MYSQL, POSTGRES, REDIS, is_there, shared};

/// What a plugin opens.
async fn open(url: &str) -> Arc<dyn Store> {
    let (env, config) = (Env::real(), Config::builder().build().unwrap());
    let id = "test.w1.copy.1".parse().unwrap();
    let scheme = url.split(':').next().unwrap();
    let plugins = guildhall_backends::all();
    let plugin = plugins.into_iter().find(|it| it.schemes().contains(&scheme)).unwrap();
    let opening = Opening { env: &env, config: &config, id: &id, url };
    plugin.open(opening).await.unwrap().store.unwrap()
}

/// The vendors that are there, each with a place that no other test has.
fn places(test: &str, name: &str) -> Vec<String> {
    let mut places = Vec::new();
    let servers =
        [(&POSTGRES, "schema"), (&MYSQL, "schema"), (&REDIS, "prefix"), (&MONGO, "schema")];
    for (server, place) in servers {
        if is_there(server, test) {
            let url = shared(server).url();
            let sign = if url.contains('?') { '&' } else { '?' };
            places.push(format!("{url}{sign}{place}={name}&deadline_ms=60000"));
        }
    }
    places
}

#[tokio::test(flavor = "multi_thread")]
async fn arbitrary_rows_are_the_same_after_a_way_over_all_stores() {
    let test = "copies::arbitrary_rows_are_the_same_after_a_way_over_all_stores";
    let (first, last) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let url = |dir: &tempfile::TempDir| format!("redb:{}", dir.path().display());
    for seed in [1, 20, 300] {
        let made = MemoryStore::new();
        fill(&made, seed, 150).await;
        let mut ways = vec![format!("{}/{seed}", url(&first))];
        ways.extend(places(test, &format!("way{seed}")));
        ways.push(format!("{}/{seed}", url(&last)));
        let mut from: Arc<dyn Store> = Arc::new(made.clone());
        for way in ways {
            let to = open(&way).await;
            let copied = copy(&*from, &*to).await.unwrap();
            assert!(copied.new > 50 && copied.there == 0, "seed {seed}: {copied:?}");
            assert_same(&*from, &*to).await;
            from = to;
        }
        assert_same(&made, &*from).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_was_broken_off_goes_on_in_every_store() {
    let test = "copies::a_copy_that_was_broken_off_goes_on_in_every_store";
    let (env, made) = (Env::real(), MemoryStore::new());
    fill(&made, 7, 400).await;
    for url in places(test, "broken") {
        // Some pages are there, and one is perhaps under way.
        let there = copy_a_page_of_each_table(&made, &*open(&url).await).await;
        let soon = env.now() + std::time::Duration::from_millis(50);
        let to = open(&url).await;
        drop(env.until(soon, copy(&made, &*to)).await);
        let copied = copy(&made, &*open(&url).await).await.unwrap();
        assert!(there > 0 && copied.there >= there, "{url}: {there} of {copied:?}");
        assert_same(&made, &*open(&url).await).await;
    }
}

async fn copy_a_page_of_each_table(from: &dyn Store, to: &dyn Store) -> u64 {
    let (source, target) = (from.bulk().unwrap(), to.bulk().unwrap());
    let schemas = source.schemas().await.unwrap();
    let tables: Vec<_> = schemas.iter().map(|(name, schema)| table_of(name, schema)).collect();
    to.prepare(&tables, Migrate::Auto).await.unwrap();
    let mut count = 0;
    for table in tables {
        let page = source.scan(table, None, BULK_ROWS_MAX).await.unwrap();
        let put = |Placed { place, kept }| Put { place, over: None, kept };
        let puts: Vec<_> = page.into_iter().map(put).collect();
        count += target.put(table, &puts).await.unwrap() as u64;
    }
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_page_of_large_rows_is_put_in_every_store() {
    let test = "copies::a_full_page_of_large_rows_is_put_in_every_store";
    let made = MemoryStore::new();
    fill(&made, 8, 400).await;
    let schemas = made.bulk().unwrap().schemas().await.unwrap();
    let (name, schema) = schemas.iter().next().unwrap();
    let table = guildhall_core::store::bulk::table_of(name, schema);
    let page = made.bulk().unwrap().scan(table, None, BULK_ROWS_MAX).await.unwrap();
    assert_eq!(page.len(), BULK_ROWS_MAX);
    let large = page.into_iter().map(|mut row| {
        row.kept.row.records = vec![7; 64 << 10].into();
        Put { place: row.place, over: None, kept: row.kept }
    });
    let large: Vec<Put> = large.collect();
    for url in places(test, "large") {
        let to = open(&url).await;
        to.prepare(&[table], guildhall_core::store::Migrate::Auto).await.unwrap();
        let rows = to.bulk().unwrap();
        assert_eq!(rows.put(table, &large).await, Ok(BULK_ROWS_MAX), "{url}");
        let back = rows.scan(table, None, BULK_ROWS_MAX).await.unwrap();
        assert!(back.iter().all(|row| row.kept.row.records.len() == 64 << 10), "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unique_values_are_not_copied_to_a_store_that_cannot_keep_them_so() {
    let test = "copies::unique_values_are_not_copied_to_a_store_that_cannot_keep_them_so";
    let made = MemoryStore::new();
    fill(&made, 7, 20).await;
    for url in places(test, "unique") {
        let to = open(&url).await;
        let kept = check_kept(&made, &*to).await;
        assert_eq!(kept.is_ok(), to.capabilities().unique, "{url}: {kept:?}");
        if let Err(error) = kept {
            assert!(error.to_string().contains("contract_all.handle"), "it names it: {error}");
        }
    }
}
