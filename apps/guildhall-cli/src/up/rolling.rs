//! A rolling restart: one instance after the other drains, ends, starts again as it is on disk now, and is ready before the next.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::env::Instant;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::Sender;
use tokio::task::JoinHandle;

use crate::out::print;
use crate::up::board::{Board, Last, Name, State, View};
use crate::up::file::Limits;
use crate::up::life::Order;
use crate::up::readyz::Readyz;

/// What comes on top of the limits: for a process that is killed at its limit to be gone.
const MORE: Duration = Duration::from_secs(5);

/// An instance that is to be restarted.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: Name,
    pub(crate) orders: Sender<Order>,
    pub(crate) readyz: Option<Readyz>,
}

/// What a restart has said, and how it has ended.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// A few for each instance.
    pub(crate) lines: Vec<String>,
    /// Whether all are restarted; `None` while it goes on.
    pub(crate) done: Option<bool>,
}

/// A restart that goes on, or the last one. Dropped it stops where it is.
#[derive(Debug)]
pub(crate) struct Rolling {
    progress: Arc<Mutex<Progress>>,
    task: JoinHandle<Option<()>>,
}

impl Rolling {
    /// `left_out` says of some why they are not among the steps.
    pub(crate) fn begin(
        env: &Env,
        board: &Board,
        limits: &Limits,
        left_out: Vec<String>,
        steps: Vec<Step>,
    ) -> Self {
        let progress = Arc::<Mutex<Progress>>::default();
        let (env, board, limits) = (env.clone(), board.clone(), limits.clone());
        let restart = Restart { env: env.clone(), board, limits, progress: Arc::clone(&progress) };
        let task = env.spawn("rolling-restart", restart.run(left_out, steps));
        Self { progress, task }
    }

    /// What it has said after the first `seen` lines.
    pub(crate) fn progress(&self, seen: usize) -> Progress {
        let mut progress = self.progress.lock().clone();
        progress.lines.drain(..seen.min(progress.lines.len()));
        // Nobody else ends it.
        progress.done = progress.done.or(self.task.is_finished().then_some(false));
        progress
    }

    pub(crate) fn goes_on(&self) -> bool {
        !self.task.is_finished()
    }
}

impl Drop for Rolling {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Restart {
    env: Env,
    board: Board,
    limits: Limits,
    progress: Arc<Mutex<Progress>>,
}

impl Restart {
    async fn run(self, left_out: Vec<String>, steps: Vec<Step>) {
        left_out.into_iter().for_each(|line| self.say(line));
        let names: Vec<String> = steps.iter().map(|step| step.name.to_string()).collect();
        self.say(format!("restarts {}", names.join(", ")));
        for (at, step) in steps.iter().enumerate() {
            let is_last = at + 1 == steps.len();
            if let Err(why) = self.one(step, is_last).await {
                let left = match &names[at + 1..] {
                    [] => String::new(),
                    left => format!("; left as they were: {}", left.join(", ")),
                };
                self.say(format!("stops: {} {why}{left}", step.name));
                self.progress.lock().done = Some(false);
                return;
            }
        }
        self.say(match &names[..] {
            [one] => format!("{one} is restarted"),
            all => format!("all {} are restarted", all.len()),
        });
        self.progress.lock().done = Some(true);
    }

    async fn one(&self, step: &Step, is_last: bool) -> Result<(), String> {
        let Step { name, orders, readyz } = step;
        self.others_are_ready(name).await?;
        let view = self.board.get(name).ok_or("is gone: it was scaled away")?;
        let began = self.env.now();
        let drain = Order { end: false, hard: false };
        orders.try_send(drain).map_err(|_| "does not run; see `guildhall status`")?;
        self.say(format!("{name} drains"));
        let restarts = view.restarts + 1;
        let end = began + ms(self.limits.drain_ms) + MORE;
        let last = self.found(end, |board| ended(board.get(name), restarts)).await;
        let last = last.unwrap_or_else(|| Err("has not ended in time".to_owned()))?;
        if !last.success {
            return Err(format!("did not end in order: {}", last.why));
        }
        self.say(format!("{name} has ended after {:?} and starts again", self.since(began)));
        let began = self.env.now();
        let end = began + ms(self.limits.backoff_ms) + ms(self.limits.ready_ms) + MORE;
        let is = self.found(end, |board| ready(board.get(name), restarts)).await;
        is.unwrap_or_else(|| Err("is not ready in time".to_owned()))?;
        if let Some(readyz) = readyz {
            readyz.wait(&self.env, end).await?;
        }
        self.say(format!("{name} is ready after {:?}", self.since(began)));
        if is_last {
            return Ok(());
        }
        // The others link to it meanwhile.
        let settled = self.env.now() + ms(self.limits.settle_ms);
        let lost = |board: &BTreeMap<Name, View>| match ready(board.get(name), restarts) {
            Some(Ok(())) => None,
            Some(Err(why)) => Some(why),
            None => Some("is not ready any more".to_owned()),
        };
        match self.found(settled, lost).await {
            None => Ok(()),
            Some(why) => Err(why),
        }
    }

    /// One at a time of each app is away, this one.
    async fn others_are_ready(&self, name: &Name) -> Result<(), String> {
        let other = |it: &Name| it.app == name.app && it != name;
        let all_ready = |board: &BTreeMap<Name, View>| {
            let mut others = board.iter().filter(|(it, _)| other(it));
            others.all(|(_, view)| view.state == State::Ready).then_some(())
        };
        let end = self.env.now() + ms(self.limits.ready_ms);
        let waited = self.found(end, all_ready).await;
        waited.ok_or_else(|| format!("cannot be spared: another {} is not ready", name.app))
    }

    async fn found<T>(
        &self,
        end: Instant,
        find: impl Fn(&BTreeMap<Name, View>) -> Option<T>,
    ) -> Option<T> {
        self.env.until(end, self.board.find(find)).await
    }

    fn since(&self, began: Instant) -> Duration {
        let took = self.env.now().saturating_duration_since(began);
        ms(u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
    }

    fn say(&self, line: String) {
        print(&format!("guildhall: restart: {line}"));
        self.progress.lock().lines.push(line);
    }
}

/// How the process ended before the one that is number `restarts`; `None`: it has not.
fn ended(view: Option<&View>, restarts: u32) -> Option<Result<Last, String>> {
    let Some(view) = view else { return Some(Err("is gone: it was scaled away".to_owned())) };
    match view.state {
        State::Failed | State::Ended => Some(Err(format!("stays down: {}", view.note))),
        _ if view.restarts >= restarts => view.last.clone().map(Ok),
        _ => None,
    }
}

/// Whether the process that is number `restarts` is ready; `None`: it is not yet.
fn ready(view: Option<&View>, restarts: u32) -> Option<Result<(), String>> {
    let Some(view) = view else { return Some(Err("is gone: it was scaled away".to_owned())) };
    let why = || view.last.as_ref().map(|last| last.why.clone()).unwrap_or_default();
    match view.state {
        State::Failed | State::Ended => Some(Err(format!("stays down: {}", view.note))),
        _ if view.restarts > restarts => Some(Err(format!("ended again: {}", why()))),
        State::Ready if view.restarts == restarts => Some(Ok(())),
        _ => None,
    }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
