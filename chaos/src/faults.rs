//! Does what the plan says, and starts again what has ended by itself.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use parking_lot::Mutex;
use rustix::process::Signal;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::cluster::{Cluster, DRAIN_MAX};
use crate::plan::{Cut, Event, Fault};

/// What was done.
#[derive(Debug)]
pub(crate) struct Tally {
    begun: Instant,
    pub(crate) kills: AtomicU64,
    pub(crate) stops: AtomicU64,
    pub(crate) cuts: AtomicU64,
    pub(crate) delays: AtomicU64,
    pub(crate) moves: AtomicU64,
    /// Processes that ended although nobody had told them to, or not as they should.
    pub(crate) ends: AtomicU64,
    /// What was done when, line by line.
    log: Mutex<std::fs::File>,
}

/// How long connections end for that were held.
const LOST: Duration = Duration::from_millis(50);
/// How often it is looked whether all processes run.
const LOOK: Duration = Duration::from_millis(100);

impl Tally {
    pub(crate) fn new(folder: &Path, begun: Instant) -> Result<Self> {
        let log = std::fs::File::create(folder.join("faults.log")).context("make faults.log")?;
        let zero = || AtomicU64::new(0);
        Ok(Self {
            begun,
            kills: zero(),
            stops: zero(),
            cuts: zero(),
            delays: zero(),
            moves: zero(),
            ends: zero(),
            log: Mutex::new(log),
        })
    }

    pub(crate) fn faults(&self) -> u64 {
        let all = [&self.kills, &self.stops, &self.cuts, &self.delays, &self.moves];
        all.map(|count| count.load(Ordering::Relaxed)).iter().sum()
    }

    fn note(&self, what: &str) {
        let at = self.begun.elapsed().as_secs_f64();
        // Not worth ending a run for.
        let _unwritten = writeln!(self.log.lock(), "{at:8.3} {what}");
    }

    fn ended(&self, what: &str) {
        self.ends.fetch_add(1, Ordering::Relaxed);
        self.note(what);
    }
}

/// Does all that is planned; all is well again when it returns.
pub(crate) async fn run(cluster: &Arc<Cluster>, plan: Vec<Event>, tally: &Arc<Tally>) {
    let mut running = JoinSet::new();
    for Event { at, fault } in plan {
        sleep_until(tally.begun + at).await;
        running.spawn(make(Arc::clone(cluster), fault, Arc::clone(tally)));
    }
    running.join_all().await;
    tally.note("no more faults");
}

/// Starts what has ended. For ever.
pub(crate) async fn watch(cluster: Arc<Cluster>, tally: Arc<Tally>) {
    loop {
        sleep(LOOK).await;
        for process in cluster.processes.values() {
            // Otherwise a fault is about it.
            let Ok(mut process) = process.try_lock() else { continue };
            if let Some(status) = process.ended() {
                tally.ended(&format!("{} has ended by itself: {status}", process.name));
            }
            if !process.is_running()
                && let Err(error) = process.start()
            {
                tally.ended(&format!("{error:#}"));
            }
        }
    }
}

async fn make(cluster: Arc<Cluster>, fault: Fault, tally: Arc<Tally>) {
    if let Err(error) = try_make(&cluster, &fault, &tally).await {
        tally.ended(&format!("{fault:?}: {error:#}"));
    }
}

async fn try_make(cluster: &Cluster, fault: &Fault, tally: &Tally) -> Result<()> {
    match fault {
        Fault::Kill { app, down } => {
            let mut process = cluster.process(app)?.lock().await;
            count(tally, &tally.kills, fault);
            process.kill().await;
            sleep(*down).await;
            process.start()?;
        }
        Fault::Stop { app, pause } => {
            let process = cluster.process(app)?.lock().await;
            count(tally, &tally.stops, fault);
            process.signal(Signal::STOP);
            sleep(*pause).await;
            process.signal(Signal::CONT);
        }
        Fault::Cut { one, other, way, cut, time } => {
            let (wires, other) = (&cluster.wires, other.as_deref());
            count(tally, &tally.cuts, fault);
            let wrong = match cut {
                Cut::Refused => wires.end(one, other),
                Cut::Late | Cut::Lost => wires.hold(one, other, *way),
            };
            sleep(*time).await;
            if *cut == Cut::Lost {
                let _ended = wires.end(one, other);
                drop(wrong);
                sleep(LOST).await;
            }
        }
        Fault::Delay { one, other, by, time } => {
            count(tally, &tally.delays, fault);
            let _late = cluster.wires.delay(one, other.as_deref(), *by);
            sleep(*time).await;
        }
        Fault::Move { app } => {
            let mut process = cluster.process(app)?.lock().await;
            if process.is_running() {
                count(tally, &tally.moves, fault);
                // Right after its start a process does not listen to signals yet.
                let was_ready = process.is_ready();
                let ended = process.drain(DRAIN_MAX).await;
                process.start()?;
                let status = ended?;
                if was_ready && !status.success() {
                    tally.ended(&format!("{app} ended with {status} after SIGTERM"));
                }
                tally.note(&format!("{app} is back"));
            }
        }
    }
    Ok(())
}

fn count(tally: &Tally, count: &AtomicU64, fault: &Fault) {
    count.fetch_add(1, Ordering::Relaxed);
    tally.note(&format!("{fault:?}"));
}
