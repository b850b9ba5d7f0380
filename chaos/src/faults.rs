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

use crate::cluster::{Cluster, DRAIN_MAX, READY_MAX};
use crate::history::At;
use crate::measure::{Loss, What, Window};
use crate::plan::{Cut, Event, Fault, PROBE, Way};

/// What was done.
#[derive(Debug)]
pub(crate) struct Tally {
    /// When the faults began.
    begun: Instant,
    /// When the histories began.
    world: Instant,
    /// What is to be measured.
    pub(crate) windows: Mutex<Vec<Window>>,
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
    pub(crate) fn new(folder: &Path, begun: Instant, world: Instant) -> Result<Self> {
        let log = std::fs::File::create(folder.join("faults.log")).context("make faults.log")?;
        let zero = || AtomicU64::new(0);
        Ok(Self {
            begun,
            world,
            windows: Mutex::default(),
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

    fn now(&self) -> At {
        self.world.elapsed()
    }

    /// Records what has happened since `begun`, in a time in which nothing else did.
    fn window(&self, what: What, begun: At) {
        self.windows.lock().push(Window { what, begun, ended: self.now() });
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
    let (mut running, mut late) = (JoinSet::new(), Duration::ZERO);
    let end = plan.last().map_or(Duration::ZERO, |last| last.at);
    for Event { at, fault } in plan {
        if at + late > end {
            break;
        }
        sleep_until(tally.begun + at + late).await;
        if let Fault::Probe { owners } = &fault {
            let begun = tally.begun.elapsed();
            while running.join_next().await.is_some() {}
            if let Err(error) = probe(cluster, owners, at > FIRST, tally).await {
                tally.ended(&format!("{fault:?}: {error:#}"));
            }
            late += (tally.begun.elapsed() - begun).saturating_sub(PROBE);
            continue;
        }
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
                tally.ended(&format!("{} has ended by itself: {status}", process.name()));
            }
            if !process.is_running()
                && let Err(error) = process.start()
            {
                tally.ended(&format!("{error:#}"));
            }
        }
    }
}

/// After this there were other faults before a probe.
const FIRST: Duration = Duration::from_secs(5);
/// How long those may be felt.
const AFTER: Duration = Duration::from_secs(8);
/// How long it is measured what is usual.
const USUAL: Duration = Duration::from_secs(3);
/// How long a killed process is missing.
const DOWN: Duration = Duration::from_secs(1);
/// How long the loss of an owner may be felt: longer than its lease and the takeover.
const FELT: Duration = Duration::from_secs(8);
/// How long after one owner another is lost: the first is being replaced.
const SECOND: Duration = Duration::from_secs(5);
/// How long slots may move back.
const BACK: Duration = Duration::from_secs(4);

/// Nothing else goes wrong: how long until what a lost owner had is served again, for each way in which it may be lost, and how long
/// calls take that go to what moves.
async fn probe(
    cluster: &Cluster,
    [one, two, three]: &[String; 3],
    waits: bool,
    tally: &Tally,
) -> Result<()> {
    cluster.ready().await?;
    if waits {
        sleep(AFTER).await;
    }
    let usual = tally.now();
    sleep(USUAL).await;
    tally.window(What::Nothing, usual);
    kill_owner(cluster, one, tally).await?;
    hang_owners(cluster, &[two], Loss::Hung, tally).await?;
    let (begun, id) = (tally.now(), cluster.process(three)?.lock().await.id());
    count(tally, &tally.cuts, &format!("probe: {three} is cut off"));
    let cut = cluster.wires.hold(three, None, Way::Both);
    sleep(FELT).await;
    drop(cut);
    tally.window(What::Lost(Loss::CutOff, id.context("it does not run")?), begun);
    sleep(BACK).await;
    hang_owners(cluster, &[one, two], Loss::TwoHung, tally).await?;
    move_owner(cluster, three, tally).await?;
    tally.note("the probe is over");
    Ok(())
}

async fn kill_owner(cluster: &Cluster, name: &str, tally: &Tally) -> Result<()> {
    let mut process = cluster.process(name)?.lock().await;
    let id = process.id().context("it does not run")?;
    let (begun, felt) = (tally.now(), Instant::now() + FELT);
    count(tally, &tally.kills, &format!("probe: {name} is killed"));
    process.kill().await;
    sleep(DOWN).await;
    process.start()?;
    process.ready(READY_MAX).await?;
    drop(process);
    sleep_until(felt).await;
    tally.window(What::Lost(Loss::Killed, id), begun);
    sleep(BACK).await;
    Ok(())
}

/// Stops owners, each one `SECOND` after the one before. Two that are the same are stopped once.
async fn hang_owners(
    cluster: &Cluster,
    names: &[&String],
    loss: Loss,
    tally: &Tally,
) -> Result<()> {
    let begun = tally.now();
    let mut stopped = Vec::new();
    for (at, name) in names.iter().enumerate() {
        if names[..at].contains(name) {
            continue;
        }
        if at > 0 {
            sleep(SECOND).await;
        }
        let process = cluster.process(name)?.lock().await;
        count(tally, &tally.stops, &format!("probe: {name} is stopped"));
        process.signal(Signal::STOP);
        stopped.push(process);
    }
    sleep(FELT).await;
    stopped.iter().for_each(|process| process.signal(Signal::CONT));
    for id in stopped.iter().filter_map(|process| process.id()) {
        tally.window(What::Lost(loss, id), begun);
    }
    drop(stopped);
    sleep(BACK).await;
    Ok(())
}

async fn move_owner(cluster: &Cluster, name: &str, tally: &Tally) -> Result<()> {
    let mut process = cluster.process(name)?.lock().await;
    let begun = tally.now();
    count(tally, &tally.moves, &format!("probe: {name} drains"));
    let ended = process.drain(DRAIN_MAX).await;
    process.start()?;
    process.ready(READY_MAX).await?;
    drop(process);
    sleep(BACK).await;
    tally.window(What::Moved, begun);
    let status = ended?;
    if !status.success() {
        tally.ended(&format!("{name} ended with {status} after SIGTERM"));
    }
    Ok(())
}

async fn make(cluster: Arc<Cluster>, fault: Fault, tally: Arc<Tally>) {
    if let Err(error) = try_make(&cluster, &fault, &tally).await {
        tally.ended(&format!("{fault:?}: {error:#}"));
    }
}

async fn try_make(cluster: &Cluster, fault: &Fault, tally: &Tally) -> Result<()> {
    let what = &format!("{fault:?}");
    match fault {
        Fault::Kill { app, down } => {
            let mut process = cluster.process(app)?.lock().await;
            count(tally, &tally.kills, what);
            process.kill().await;
            sleep(*down).await;
            process.start()?;
        }
        Fault::Stop { app, pause } => {
            let process = cluster.process(app)?.lock().await;
            count(tally, &tally.stops, what);
            process.signal(Signal::STOP);
            sleep(*pause).await;
            process.signal(Signal::CONT);
        }
        Fault::Away { app, backend, pause, down } => {
            let process = cluster.process(app)?.lock().await;
            count(tally, &tally.stops, what);
            process.signal(Signal::STOP);
            sleep(pause.saturating_sub(*down)).await;
            let restart = async {
                let mut backend = cluster.process(backend)?.lock().await;
                count(tally, &tally.kills, what);
                backend.kill().await;
                sleep(*down).await;
                backend.start()
            };
            let started = restart.await;
            process.signal(Signal::CONT);
            started?;
        }
        Fault::Cut { one, other, way, cut, time } => {
            let (wires, other) = (&cluster.wires, other.as_deref());
            count(tally, &tally.cuts, what);
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
            count(tally, &tally.delays, what);
            let _late = cluster.wires.delay(one, other.as_deref(), *by);
            sleep(*time).await;
        }
        // Not among others.
        Fault::Probe { .. } => {}
        Fault::Move { app } => {
            let mut process = cluster.process(app)?.lock().await;
            if process.is_running() {
                count(tally, &tally.moves, what);
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

fn count(tally: &Tally, count: &AtomicU64, what: &str) {
    count.fetch_add(1, Ordering::Relaxed);
    tally.note(what);
}
