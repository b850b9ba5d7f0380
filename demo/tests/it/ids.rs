//! Ids are given once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use demo::proto::uid::{AllocReq, UidClient};
use demo::uid::BLOCK;
use futures_util::future::join_all;
use guildhall::store::memory::MemoryStore;
use guildhall::store::{Batch, Committed, Store, StoreError, StoreErrorKind, StoreLayer};
use guildhall::{BoxFuture, Cx, Env, Status};
use guildhall_testkit::Cluster;

use crate::town::{CALLER, start};

async fn alloc(cx: &Cx, kind: &str) -> Result<u64, Status> {
    Ok(UidClient::new(cx).alloc(AllocReq { kind: kind.into() }).await?.id)
}

#[tokio::test(start_paused = true)]
async fn no_id_is_given_twice_by_several_apps_that_crash() {
    const APPS: [&str; 3] = ["demo.w1.uid.1", "demo.w1.uid.2", "demo.w1.uid.3"];
    let mut cluster = Cluster::new(11);
    start(&mut cluster, &APPS.map(|id| (id, &["uid"][..]))).await;
    let cx = cluster.cx(CALLER);
    let mut given = [BTreeSet::new(), BTreeSet::new()];
    for round in 0..30 {
        for (kind, given) in ["role", "club"].iter().zip(&mut given) {
            let ids = join_all((0..50).map(|_| alloc(&cx, kind))).await;
            for id in ids.into_iter().flatten() {
                assert_ne!(id, 0);
                assert!(given.insert(id), "{kind} {id} was given twice, round {round}");
            }
        }
        let id = APPS[round % 3];
        match round % 4 {
            0 => cluster.kill(id),
            1 => cluster.shutdown(id).await,
            2 => cluster.restart(id).await.unwrap(),
            _ => cluster.advance(Duration::from_secs(10)).await,
        }
        for id in APPS {
            if round % 4 < 2 && id == APPS[round % 3] {
                // The others take over, and give it back.
                let _meanwhile = join_all((0..5).map(|_| alloc(&cx, "role"))).await;
                let ids = _meanwhile.into_iter().flatten();
                ids.for_each(|id| assert!(given[0].insert(id), "role {id} was given twice"));
                cluster.restart(id).await.unwrap();
            }
        }
        cluster.linked().await;
    }
    assert!(given.iter().all(|given| given.len() > 1000), "hardly any were given");
}

#[tokio::test(start_paused = true)]
async fn rolling_restarts_skip_no_id_and_a_crash_skips_the_rest_of_a_block() {
    const APPS: [&str; 2] = ["demo.w1.uid.1", "demo.w1.uid.2"];
    let mut cluster = Cluster::new(12);
    start(&mut cluster, &APPS.map(|id| (id, &["uid"][..]))).await;
    let cx = cluster.cx(CALLER);
    let over = Arc::new(AtomicBool::new(false));
    let callers = (0..4).map(|_| {
        let (cx, over) = (cx.clone(), Arc::clone(&over));
        cx.env().clone().spawn("caller", async move {
            let mut ids = Vec::new();
            while !over.load(Ordering::Relaxed) {
                ids.push(alloc(&cx, "role").await.unwrap());
                cx.env().sleep(Duration::from_millis(7)).await;
            }
            ids
        })
    });
    let callers: Vec<_> = callers.collect();
    for round in 0..6 {
        let id = APPS[round % 2];
        cluster.shutdown(id).await;
        cluster.advance(Duration::from_millis(100)).await;
        cluster.restart(id).await.unwrap();
        cluster.linked().await;
        cluster.advance(Duration::from_secs(1)).await;
    }
    over.store(true, Ordering::Relaxed);
    let mut given = BTreeSet::new();
    for caller in callers {
        given.extend(caller.await.unwrap().unwrap());
    }
    let last = *given.last().unwrap();
    assert_eq!(given.len() as u64, last, "of 1 to {last}");
    assert!(last > 2 * BLOCK, "only {last}");
    // What is left of the block was in memory alone.
    APPS.iter().for_each(|id| cluster.kill(id));
    for id in APPS {
        cluster.restart(id).await.unwrap();
    }
    cluster.advance(Duration::from_secs(7)).await;
    let next = alloc(&cx, "role").await.unwrap();
    assert_eq!(next, last.next_multiple_of(BLOCK) + 1);
}

/// A store that takes its time, or none of it.
struct Slow {
    memory: MemoryStore,
    env: Env,
    is_away: AtomicBool,
    commits: AtomicU32,
}

impl StoreLayer for Slow {
    fn inner(&self) -> &dyn Store {
        &self.memory
    }

    fn around_commit(
        &self,
        batches: Vec<Batch>,
    ) -> BoxFuture<'_, Vec<Result<Committed, StoreError>>> {
        Box::pin(async move {
            self.env.sleep(Duration::from_millis(200)).await;
            if self.is_away.load(Ordering::Relaxed) {
                let away = StoreError::new(StoreErrorKind::Unavailable, "commit", "a batch", "");
                return vec![Err(away); batches.len()];
            }
            self.commits.fetch_add(1, Ordering::Relaxed);
            self.memory.commit(batches).await
        })
    }
}

const UID: &str = "demo.w1.uid.1";

async fn slow() -> (Cluster, Arc<Slow>) {
    let store = Arc::new(Slow {
        memory: MemoryStore::new(),
        env: Env::real(),
        is_away: AtomicBool::new(false),
        commits: AtomicU32::new(0),
    });
    let mut cluster = Cluster::with_store(3, Arc::clone(&store) as _);
    start(&mut cluster, &[(UID, &["uid"])]).await;
    (cluster, store)
}

#[tokio::test(start_paused = true)]
async fn many_who_want_an_id_at_once_wait_for_one_commit_and_not_for_one_each() {
    let (cluster, store) = slow().await;
    let cx = cluster.cx(CALLER);
    let begun = cx.env().now();
    let ids = join_all((0..200).map(|_| alloc(&cx, "role"))).await;
    let ids: BTreeSet<u64> = ids.into_iter().map(Result::unwrap).collect();
    assert_eq!(ids.len(), 200);
    assert_eq!(store.commits.load(Ordering::Relaxed), 1);
    let took = cx.env().now() - begun;
    assert!(took < Duration::from_millis(400), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_id_whose_block_is_not_in_the_store_is_not_given() {
    let (mut cluster, store) = slow().await;
    let cx = cluster.cx(CALLER);
    store.is_away.store(true, Ordering::Relaxed);
    // The second finds the block reserved in memory, and a save that is under way.
    for _ in 0..3 {
        let refused = alloc(&cx.within(Duration::from_secs(1)), "role").await;
        assert!(refused.is_err(), "{refused:?}");
    }
    store.is_away.store(false, Ordering::Relaxed);
    let first = alloc(&cx, "role").await.unwrap();
    cluster.restart(UID).await.unwrap();
    cluster.linked().await;
    let second = alloc(&cx, "role").await.unwrap();
    assert!(0 < first && first < second, "{first}, {second}");
}
