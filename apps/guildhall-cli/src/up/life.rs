//! One instance: starts its process, reads its output, and restarts it when it ends.

use std::io::ErrorKind;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::env::Instant;
use tokio::process::{Child, Command};
use tokio::sync::mpsc::Receiver;

use crate::signals::{apart, terminate};
use crate::up::board::{Board, Last, Name, State, View};
use crate::up::file::{Limits, Start};
use crate::up::lines::{Lines, Prefix};
use crate::up::watchdog::Watchdog;

/// Failures further apart than this are not in a row.
const IN_A_ROW: Duration = Duration::from_secs(30);

/// How long what an ended process has printed may take to arrive.
const LAST_LINES: Duration = Duration::from_millis(500);

/// What somebody wants of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// It does not start again.
    pub(crate) end: bool,
    /// SIGKILL, and not SIGTERM.
    pub(crate) hard: bool,
}

/// An instance, and all that its life needs.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) env: Env,
    pub(crate) name: Name,
    pub(crate) start: Start,
    pub(crate) ready: String,
    pub(crate) restart: bool,
    pub(crate) after: Vec<String>,
    pub(crate) limits: Limits,
    pub(crate) board: Board,
    pub(crate) prefix: Prefix,
    pub(crate) orders: Receiver<Order>,
    pub(crate) watchdog: Arc<Watchdog>,
}

/// How a process ended.
struct Ended {
    why: String,
    /// With 0.
    success: bool,
    /// As somebody wanted.
    ordered: bool,
    /// And it is not to start again.
    over: bool,
    /// Another start would end in the same way: there is no such program.
    hopeless: bool,
}

impl Life {
    /// Runs until it is told to end, or there is nothing more to start.
    pub(crate) async fn live(mut self) {
        self.show(State::Waiting, None, &format!("for {}", self.after.join(", ")));
        let over = tokio::select! {
            biased;
            () = told_to_end(&mut self.orders) => true,
            () = self.board.ready(&self.after) => false,
        };
        if !over {
            self.run_again_and_again().await;
        }
        if !self.is_shown_to_the_end() {
            self.board.remove(&self.name);
        }
    }

    /// Whether it ended by itself, and people should see how.
    fn is_shown_to_the_end(&self) -> bool {
        let view = self.board.get(&self.name);
        view.is_some_and(|view| matches!(view.state, State::Ended | State::Failed))
    }

    async fn run_again_and_again(&mut self) {
        let mut failures = 0;
        loop {
            let begun = self.env.now();
            let ended = self.run().await;
            if ended.over {
                self.prefix.say(&format!("ended: {}", ended.why));
                return;
            }
            if ended.hopeless {
                self.prefix.say(&format!("stays down: {}", ended.why));
                self.show(State::Failed, None, &ended.why);
                return;
            }
            if !self.restart {
                let state = if ended.success { State::Ended } else { State::Failed };
                self.prefix.say(&format!("{}: {}", state.name(), ended.why));
                self.show(state, None, &ended.why);
                return;
            }
            if ended.ordered || self.env.now() - begun > IN_A_ROW {
                failures = 0;
            }
            failures += u32::from(!ended.ordered);
            if failures > self.limits.restarts_max {
                let why = format!("{}; it failed {failures} times in a row", ended.why);
                let Name { app, inst } = &self.name;
                self.prefix.say(&format!(
                    "stays down: {why}; `guildhall scale {app}={inst}` starts it again"
                ));
                self.show(State::Failed, None, &why);
                return;
            }
            let pause = self.pause(failures);
            self.prefix.say(&format!("ended: {}; starts again in {pause:?}", ended.why));
            self.show(State::Pausing, None, &ended.why);
            self.board.change(&self.name, |view| {
                view.restarts += 1;
                view.last = Some(Last { success: ended.success, why: ended.why });
            });
            let over = tokio::select! {
                biased;
                () = told_to_end(&mut self.orders) => true,
                () = self.env.sleep(pause) => false,
            };
            if over {
                return;
            }
        }
    }

    fn pause(&self, failures: u32) -> Duration {
        let doubled =
            self.limits.backoff_ms.saturating_mul(1 << failures.saturating_sub(1).min(20));
        Duration::from_millis(doubled.min(self.limits.backoff_max_ms))
    }

    /// Runs one process to its end.
    async fn run(&mut self) -> Ended {
        let mut child = match self.spawn() {
            Ok(child) => child,
            Err(error) => {
                let Start { program, folder, .. } = &self.start;
                let hopeless =
                    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied);
                let why = match error.kind() {
                    // The kernel says the same of a folder that is missing, and the file has checked that.
                    ErrorKind::NotFound => format!(
                        "there is no program {} (folder {}); build it first, or correct `command`",
                        program.display(),
                        folder.display()
                    ),
                    _ => format!("{} does not start: {error}", program.display()),
                };
                return Ended { why, success: false, ordered: false, over: false, hopeless };
            }
        };
        let pid = child.id();
        let _watched = self.watchdog.watch(pid);
        let is_ready_at_once = self.ready.is_empty();
        self.show(if is_ready_at_once { State::Ready } else { State::Starting }, pid, "");
        let mut out = Lines::new(child.stdout.take());
        let mut err = Lines::new(child.stderr.take());
        let after = |ms| self.env.now() + Duration::from_millis(ms);
        // Until when it must be ready, or must have ended.
        let mut deadline = (!is_ready_at_once).then(|| after(self.limits.ready_ms));
        let (mut ordered, mut over, mut late) = (false, false, "");
        let status = loop {
            tokio::select! {
                biased;
                // First: a process that prints without end can be ended.
                Some(order) = self.orders.recv() => {
                    (ordered, over) = (true, over || order.end);
                    let sent = if order.hard { child.start_kill() } else { terminate(&mut child) };
                    let note = sent.err().map(|error| error.to_string()).unwrap_or_default();
                    self.show(State::Stopping, pid, &note);
                    deadline = Some(self.env.now() + Duration::from_millis(self.limits.drain_ms));
                }
                () = until(&self.env, deadline) => {
                    late = if ordered { " (it did not drain within drain_ms)" } else { " (it was not ready within ready_ms)" };
                    deadline = None;
                    // It has ended when this fails.
                    let _ended = child.start_kill();
                }
                line = out.next() => {
                    self.prefix.line(&line);
                    if !ordered && deadline.is_some() && line.trim() == self.ready {
                        deadline = None;
                        self.show(State::Ready, pid, "");
                    }
                }
                line = err.next() => self.prefix.line(&line),
                status = child.wait() => break status,
            }
        };
        let last = self.env.now() + LAST_LINES;
        let rest = async {
            while let Some(line) = out.next_or_end().await {
                self.prefix.line(&line);
            }
            while let Some(line) = err.next_or_end().await {
                self.prefix.line(&line);
            }
        };
        // A child of the process may hold the stream open.
        let _all = self.env.until(last, rest).await;
        let success = status.as_ref().is_ok_and(ExitStatus::success);
        let why = match status {
            Ok(status) => format!("{}{late}", how(status)),
            Err(error) => format!("it cannot be waited for: {error}"),
        };
        Ended { why, success, ordered, over, hopeless: false }
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let mut command = Command::new(&self.start.program);
        command.args(&self.start.args).envs(&self.start.env).current_dir(&self.start.folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        apart(&mut command);
        command.spawn()
    }

    fn show(&self, state: State, pid: Option<u32>, note: &str) {
        let since = self.env.now();
        let before = self.board.get(&self.name).unwrap_or_else(|| View::new(state, since));
        self.board.put(&self.name, View { state, pid, since, note: note.to_owned(), ..before });
    }
}

/// Waits for an order to end; others are for a process, and there is none.
async fn told_to_end(orders: &mut Receiver<Order>) {
    while let Some(order) = orders.recv().await {
        if order.end {
            return;
        }
    }
}

async fn until(env: &Env, deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => env.sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn how(status: ExitStatus) -> String {
    // `exit status 1`, `signal 9 (SIGKILL)`.
    status.to_string().replace(": ", " ")
}
