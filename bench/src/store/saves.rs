//! Entities saved per second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use guildhall::store::{
    Batch, Column, Guard, Holder, Kind, Migrate, Op, RowId, Store, Table, Token, Value, Write,
};
use guildhall_core::Incarnation;
use tokio::sync::Mutex;

use super::places::Place;

/// Entities that are saved at the same time.
const SUBMITTERS: usize = 64;

/// How long it is measured.
const TIME: Duration = Duration::from_secs(5);

const VALUE: u32 = 2;

static SAVED: Table = Table {
    name: "saved",
    key: Column { number: 1, name: "name", kind: Kind::Text, unique: false, index: false },
    columns: &[Column {
        number: VALUE,
        name: "value",
        kind: Kind::Uint,
        unique: false,
        index: false,
    }],
};

/// All submit to one store, which may put what comes at the same time into one group.
pub(crate) async fn together(place: &Place) -> Result<f64> {
    let store = place.open().await?;
    let saved = rate(|_| Ok((Arc::clone(&store), None))).await?;
    Ok(saved)
}

/// Each save is a transaction of its own: every submitter has a client of its own. Of an embedded store there is one, so they take turns.
pub(crate) async fn one_by_one(place: &Place) -> Result<f64> {
    if place.is_embedded {
        let (store, turn) = (place.open().await?, Arc::new(Mutex::new(())));
        return rate(|_| Ok((Arc::clone(&store), Some(Arc::clone(&turn))))).await;
    }
    let mut stores = Vec::new();
    for _ in 0..SUBMITTERS {
        stores.push(place.open().await?);
    }
    rate(|submitter| Ok((Arc::clone(&stores[submitter]), None))).await
}

type Submits = (Arc<dyn Store>, Option<Arc<Mutex<()>>>);

#[allow(clippy::cast_precision_loss, reason = "fewer than 2^52")]
async fn rate(submits: impl Fn(usize) -> Result<Submits>) -> Result<f64> {
    let mut prepared = Vec::new();
    for submitter in 0..SUBMITTERS {
        let (store, turn) = submits(submitter)?;
        store.prepare(&[&SAVED], Migrate::Auto).await?;
        let version = store.claim(&[row(submitter)], token()).await?[0].version;
        prepared.push((store, turn, version));
    }
    let begun = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for (submitter, (store, turn, version)) in prepared.into_iter().enumerate() {
        running.spawn(save(store, turn, submitter, version, begun));
    }
    let mut saved = 0;
    while let Some(done) = running.join_next().await {
        saved += done??;
    }
    Ok(saved as f64 / begun.elapsed().as_secs_f64())
}

/// Saves one entity again and again; how often.
async fn save(
    store: Arc<dyn Store>,
    turn: Option<Arc<Mutex<()>>>,
    submitter: usize,
    mut version: u64,
    begun: Instant,
) -> Result<u64> {
    let mut saved = 0;
    while begun.elapsed() < TIME {
        let fields = vec![(VALUE, Value::Uint(version))];
        let is_new = version == 1;
        let write = if is_new { Write::Create(fields) } else { Write::Update(fields) };
        let guard = Guard::Owner(token(), version);
        let op = Op { row: row(submitter), guard, write, records: None, keep_ms: 0 };
        let _turn = match &turn {
            Some(turn) => Some(turn.lock().await),
            None => None,
        };
        let done = store.commit(vec![Batch { ops: vec![op] }]).await.remove(0)?;
        version += 1;
        ensure!(done.versions == [version], "a save counted twice");
        saved += 1;
    }
    Ok(saved)
}

fn row(submitter: usize) -> RowId {
    RowId { table: &SAVED, key: format!("hero{submitter}").as_str().into(), sub: None }
}

fn token() -> Token {
    let app = "bench.w1.store.1".parse().expect("four labels");
    let holder = Holder { app, incarnation: Incarnation(1) };
    Token { lease: "saved/1".into(), epoch: 1, holder, activation: 1 }
}
