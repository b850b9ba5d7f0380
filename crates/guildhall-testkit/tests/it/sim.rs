//! `sim::check`: what it runs, what it says, and that one seed is one run.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use guildhall_testkit::sim::{self, Chaos, Fault, Sim};
use guildhall_testkit::{Seam, SeamFaults};
use proto::hello::GreeterServer;

use crate::world::{CALLER, GREETER, Hello, say};

const SECOND: Duration = Duration::from_secs(1);

/// Two that greet, one that calls all the time, and all that may go wrong.
async fn scenario(mut sim: Sim) {
    for id in [GREETER, "dev.w1.greeter.2"] {
        sim.start(id, |app| app.serve(GreeterServer::new(Hello))).await.unwrap();
    }
    sim.start(CALLER, |app| app).await.unwrap();
    sim.linked().await;
    let (cx, log) = (sim.cx(CALLER), sim.logger());
    let calls = sim.env(CALLER).spawn("calls", async move {
        for n in 0..100 {
            let said = say(&cx, "you").await;
            log.log(format_args!("call {n}: {:?}", said.map_err(|status| status.code())));
            cx.env().sleep(Duration::from_millis(300)).await;
        }
    });
    let chaos = Chaos { apps: "dev.w1.greeter.".into(), at_once: 3, ..Chaos::default() };
    sim.chaos(&chaos, 30 * SECOND).await;
    sim.calm().await;
    sim.settled().await;
    assert_eq!(say(&sim.cx(CALLER), "you").await.unwrap(), "hello, you");
    calls.await.unwrap();
}

#[test]
fn one_seed_is_one_run() {
    for seed in 1..=5 {
        let (one, again) = (sim::trace_of(seed, scenario), sim::trace_of(seed, scenario));
        assert_eq!(one.difference(&again), None, "seed {seed}");
        assert_eq!(one.hash(), again.hash());
        assert!(one.notes(1_000).len() > 100, "{:?}", one.notes(1_000));
    }
    assert_ne!(sim::trace_of(1, scenario).hash(), sim::trace_of(2, scenario).hash());
}

#[test]
fn every_fault_comes_and_everything_is_calm_after_it() {
    let notes = RefCell::new(BTreeSet::new());
    for seed in 1..=10 {
        let lines = sim::trace_of(seed, scenario).notes(10_000);
        let begun = lines.iter().filter_map(|line| line.split_once("begins: "));
        let fault = |text: &str| text.split(' ').next().unwrap().to_owned();
        notes.borrow_mut().extend(begun.map(|(_, text)| fault(text)));
    }
    let notes = notes.into_inner();
    for name in [
        "Kill",
        "Pause",
        "Partition",
        "OneWayPartition",
        "Delay",
        "Store",
        "Leases",
        "LeasesRestart",
        "DiskFull",
        "ClockStep",
        "ClockSkew",
    ] {
        assert!(notes.iter().any(|note| note.starts_with(name)), "no {name} in {notes:#?}");
    }
}

#[test]
fn each_seed_is_run_once_and_a_failure_names_its_own() {
    let seeds = RefCell::new(Vec::new());
    let fails_at_three = |sim: Sim| {
        seeds.borrow_mut().push(sim.random_below(u64::MAX));
        let third = seeds.borrow().len() == 3;
        async move { if third { Err("it went wrong") } else { Ok(()) } }
    };
    let panic = catch_unwind(AssertUnwindSafe(|| sim::check(10, fails_at_three))).unwrap_err();
    let said = panic.downcast_ref::<String>().unwrap();
    assert!(said.contains("seed 3") && said.contains("it went wrong"), "{said}");
    let seeds = seeds.into_inner();
    assert_eq!(seeds.len(), 3, "the first failure is the last run");
    assert_eq!(seeds.iter().collect::<BTreeSet<_>>().len(), 3, "seeds differ");
}

#[test]
fn a_scenario_that_waits_for_ever_fails() {
    let run = || sim::check(1, |_sim| std::future::pending::<()>());
    let panic = catch_unwind(run).unwrap_err();
    let said = panic.downcast_ref::<String>().unwrap();
    assert!(said.contains("not done within"), "{said}");
}

#[test]
fn chaos_keeps_to_its_apps_and_to_so_many_at_once() {
    let killed = RefCell::new(0);
    sim::check(5, async |mut sim| {
        for n in 1..=4 {
            sim.start(&format!("dev.w1.app.{n}"), |app| app).await.unwrap();
        }
        sim.linked().await;
        let faults = [Fault::Kill, Fault::Seam(Seam::Store, SeamFaults::away())];
        let apps = "dev.w1.app.2".to_owned();
        let chaos = Chaos { apps, at_once: 1, ..Chaos::of(faults) };
        for _ in 0..100 {
            sim.chaos(&chaos, SECOND / 4).await;
            let others = ["dev.w1.app.1", "dev.w1.app.3", "dev.w1.app.4"];
            assert!(others.iter().all(|id| sim.runs(id)), "{sim:?}");
            *killed.borrow_mut() += usize::from(!sim.runs("dev.w1.app.2"));
        }
        sim.calm().await;
        assert!(sim.runs("dev.w1.app.2"));
    });
    assert!(killed.into_inner() > 50, "it was hardly killed");
}
