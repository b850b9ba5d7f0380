//! One seed, one run: everything that the network delivers is the same, at the same virtual times.

use std::time::Duration;

use guildhall_testkit::{Cluster, Trace};
use proto::hello::GreeterServer;

use crate::world::{CALLER, GREETER, Hello, say, spawn};

#[test]
fn two_runs_of_one_seed_are_equal() {
    let (one, again) = (run(7, false), run(7, false));
    assert!(one.count() > 200, "little happened:\n{one}");
    assert_eq!(one.difference(&again), None);
    assert_eq!(one.to_string(), again.to_string());
}

#[test]
fn another_seed_is_another_run() {
    let (one, other) = (run(7, false), run(8, false));
    let difference = one.difference(&other).unwrap();
    assert!(difference.contains("event 0"), "{difference}");
}

#[test]
fn two_runs_with_a_drain_are_equal() {
    for seed in 0..20 {
        assert_eq!(run(seed, true).difference(&run(seed, true)), None, "seed {seed}");
    }
}

/// A runtime of its own for each run, as each test has.
fn run(seed: u64, drains: bool) -> Trace {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(scenario(seed, drains))
}

/// A bit of everything: parallel calls at random, delays, partitions, deaths, a return.
async fn scenario(seed: u64, drains: bool) -> Trace {
    let mut cluster = Cluster::new(seed);
    let others = ["dev.w1.greeter.2", "dev.w1.greeter.3"];
    for id in [GREETER].into_iter().chain(others) {
        cluster.start(id, |app| app.serve(GreeterServer::new(Hello))).await.unwrap();
    }
    cluster.start(CALLER, |app| app).await.unwrap();
    cluster.linked().await;
    cluster.delay(CALLER, GREETER, Duration::from_millis(5)..Duration::from_millis(40));
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let cx = cluster.cx(CALLER);
            spawn(async move {
                for _ in 0..40 {
                    let _some_fail = say(&cx, "you").await;
                    cx.env().sleep(Duration::from_millis(cx.env().random_below(200))).await;
                }
            })
        })
        .collect();
    cluster.advance(Duration::from_millis(500)).await;
    cluster.partition(CALLER, others[0]);
    cluster.advance(Duration::from_millis(500)).await;
    cluster.kill(others[1]);
    cluster.advance(Duration::from_millis(500)).await;
    cluster.restart(others[1]).await.unwrap();
    cluster.heal_all();
    match drains {
        true => cluster.shutdown(GREETER).await,
        false => cluster.kill(GREETER),
    }
    for caller in callers {
        caller.await.unwrap();
    }
    cluster.trace()
}
