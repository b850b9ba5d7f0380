//! How long callers wait for keys that move.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use guildhall::{Cx, Effect};
use guildhall_core::env::Instant;

use super::{KEYS, ONE, THREE, TWO, add, cluster, fill};
use crate::world::CALLER;

/// One call, from its beginning to its reply, whatever was tried on the way.
struct Done {
    begun: Instant,
    took: Duration,
    app: String,
}

/// Calls a key again and again.
async fn call(cx: Cx, key: u32, over: Arc<AtomicBool>) -> Vec<Done> {
    let (env, mut done) = (cx.env(), Vec::new());
    while !over.load(Ordering::Relaxed) {
        let begun = env.now();
        let app = loop {
            match add(&cx, key, "").await {
                Ok(rsp) => break rsp.note.split(' ').next().unwrap().to_owned(),
                Err(status) => assert_eq!(status.effect(), Effect::NotRun, "{status}"),
            }
            env.sleep(Duration::from_millis(10)).await;
        };
        done.push(Done { begun, took: env.now() - begun, app });
        env.sleep(Duration::from_millis(5 + env.random_below(30))).await;
    }
    done
}

/// Calls all keys while apps leave and come back, or do not: the durations of calls to keys that have moved, while something
/// moved; of all calls where nothing did.
async fn play(seed: u64, moves: bool) -> Vec<Duration> {
    const APPS: [&str; 4] = [ONE, TWO, THREE, CALLER];
    /// How long after a change calls count.
    const MOVING: Duration = Duration::from_millis(500);
    let mut cluster = cluster(seed, &APPS[..3]).await;
    let ms = Duration::from_millis;
    for (at, one) in APPS.iter().enumerate() {
        APPS[at + 1..].iter().for_each(|other| cluster.delay(one, other, ms(1)..ms(5)));
    }
    let (cx, over) = (cluster.cx(CALLER), Arc::new(AtomicBool::new(false)));
    fill(&cx).await;
    let callers = (1..=KEYS).map(|key| {
        let call = call(cx.clone(), key, Arc::clone(&over));
        (key, cx.env().spawn("caller", call))
    });
    let callers: BTreeMap<_, _> = callers.collect();
    let mut changes = Vec::new();
    for app in [ONE, TWO, THREE] {
        changes.push(cx.env().now());
        if moves {
            cluster.shutdown(app).await;
        }
        cluster.advance(MOVING).await;
        changes.push(cx.env().now());
        if moves {
            cluster.restart(app).await.unwrap();
        }
        cluster.advance(Duration::from_secs(1)).await;
    }
    over.store(true, Ordering::Relaxed);
    let mut took = Vec::new();
    for caller in callers.into_values() {
        let done = caller.await.unwrap().unwrap();
        let apps: BTreeSet<&String> = done.iter().map(|done| &done.app).collect();
        if !moves {
            took.extend(done.iter().map(|done| done.took));
        } else if apps.len() > 1 {
            let moving = |at: &Instant| changes.iter().any(|it| *it <= *at && *at < *it + MOVING);
            took.extend(done.iter().filter(|done| moving(&done.begun)).map(|done| done.took));
        }
    }
    took.sort();
    took
}

fn p99(took: &[Duration]) -> Duration {
    took[took.len() * 99 / 100]
}

#[tokio::test(start_paused = true)]
async fn calls_to_keys_that_move_wait_ten_times_as_long_at_most_and_never_two_seconds() {
    for seed in 0..2 {
        let (still, moving) = (play(seed, false).await, play(seed, true).await);
        assert!(moving.len() > 500, "seed {seed}: only {} calls", moving.len());
        let (still, moving, longest) = (p99(&still), p99(&moving), *moving.last().unwrap());
        let seen =
            format!("seed {seed}: p99 {still:?}, with moves {moving:?}, longest {longest:?}");
        assert!(moving <= still * 10 && longest <= Duration::from_secs(2), "{seen}");
    }
}
