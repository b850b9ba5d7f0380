//! Hooks of start, readiness and drain, and background tasks.

use std::mem::take;
use std::panic::{AssertUnwindSafe, Location};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{join, join_all};
use guildhall_core::env::Instant;
use guildhall_core::{BoxFuture, StartError};
use parking_lot::Mutex;
use tokio::task::JoinHandle;

use super::App;
use crate::call::{Core, Cx};

/// The error of hooks and background tasks: any error type.
pub type HookError = Box<dyn std::error::Error + Send + Sync>;

type Begin = Box<dyn FnOnce(Cx) -> BoxFuture<'static, Result<(), HookError>> + Send>;

/// Of an app that does not run yet.
#[derive(Default)]
pub(super) struct Hooks {
    start: Vec<Hook>,
    ready: Vec<Box<dyn FnOnce(Cx) + Send>>,
    tasks: Vec<(&'static str, Begin)>,
    drain: Vec<Hook>,
}

struct Hook {
    /// Where it was added: its name in messages.
    at: &'static Location<'static>,
    begin: Begin,
}

impl App {
    /// Runs `hook` before the app serves: backends are open and actors can be called, but other apps and clients cannot reach the app
    /// yet. Hooks run one after the other, within `app.start_ms` together. An error stops the start and names the hook.
    ///
    /// ```no_run
    /// # use guildhall::{App, Cx, StartError};
    /// # fn main() -> Result<(), StartError> {
    /// App::load()?
    ///     .on_start(async |cx| {
    ///         println!("{} loads its maps", cx.app_id());
    ///         Ok(())
    ///     })
    ///     .run()
    /// # }
    /// ```
    #[track_caller]
    pub fn on_start<F, Fut>(mut self, hook: F) -> Self
    where
        F: FnOnce(Cx) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), HookError>> + Send + 'static,
    {
        self.hooks.start.push(Hook { at: Location::caller(), begin: boxed(hook) });
        self
    }

    /// Calls `hook` when the app serves, for example to print its addresses or to start calls to other services.
    pub fn on_ready(mut self, hook: impl FnOnce(Cx) + Send + 'static) -> Self {
        self.hooks.ready.push(Box::new(hook));
        self
    }

    /// Runs a background task from the moment when the app serves. An error or a panic of the task is logged and counted; the app
    /// continues.
    ///
    /// When the app drains, [`Cx::draining`] completes, and the app waits for the task. A task that does not end within half of
    /// `app.drain_ms` is logged by name and dropped.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use guildhall::{App, Cx, StartError};
    /// # fn main() -> Result<(), StartError> {
    /// App::load()?
    ///     .spawn("news", async |cx| {
    ///         let env = cx.env();
    ///         while env.until(env.now() + Duration::from_secs(60), cx.draining()).await.is_none() {
    ///             println!("a minute has passed, and the app goes on");
    ///         }
    ///         Ok(())
    ///     })
    ///     .run()
    /// # }
    /// ```
    pub fn spawn<F, Fut>(mut self, name: &'static str, task: F) -> Self
    where
        F: FnOnce(Cx) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), HookError>> + Send + 'static,
    {
        self.hooks.tasks.push((name, boxed(task)));
        self
    }

    /// Runs `hook` when the app begins to drain, while its actors can still be called. Hooks run one after the other, within half of
    /// `app.drain_ms` together, so that time is left to save the actors. An error is logged.
    #[track_caller]
    pub fn on_drain<F, Fut>(mut self, hook: F) -> Self
    where
        F: FnOnce(Cx) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), HookError>> + Send + 'static,
    {
        self.hooks.drain.push(Hook { at: Location::caller(), begin: boxed(hook) });
        self
    }
}

impl Cx {
    /// Waits until the app begins to drain. Background tasks should end then.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn draining(&self) {
        self.core.draining.cancelled().await;
    }
}

fn boxed<F, Fut>(begin: F) -> Begin
where
    F: FnOnce(Cx) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), HookError>> + Send + 'static,
{
    Box::new(move |cx| Box::pin(async move { begin(cx).await }))
}

/// Runs to the end; a panic is an error like others, and counted.
async fn run(begin: Begin, core: &Arc<Core>) -> Result<(), HookError> {
    let cx = Cx::outside(core);
    let ended = AssertUnwindSafe(async { begin(cx).await }).catch_unwind().await;
    ended.unwrap_or_else(|_| {
        core.counters.task_panics.add(1);
        Err("it panicked".into())
    })
}

impl Hooks {
    /// Runs the hooks of the start.
    pub(super) async fn start(
        &mut self,
        core: &Arc<Core>,
        limit: Duration,
    ) -> Result<(), StartError> {
        let deadline = core.env.now() + limit;
        for Hook { at, begin } in take(&mut self.start) {
            let failed = |why| StartError::game(format!("the on_start hook of {at} {why}"));
            return Err(match core.env.until(deadline, run(begin, core)).await {
                Some(Ok(())) => continue,
                Some(Err(error)) => failed(format!("failed: {error}")).with_source(error),
                None => {
                    failed(format!("did not end within {} ms (app.start_ms)", limit.as_millis()))
                }
            });
        }
        Ok(())
    }

    /// The app serves.
    pub(super) fn ready(self, core: &Arc<Core>) -> Ending {
        self.ready.into_iter().for_each(|hook| hook(Cx::outside(core)));
        let spawn = |(name, begin)| {
            let (env, worker) = (core.env.clone(), core.workers.next());
            let core = Arc::clone(core);
            let handle = env.spawn_on(&worker, name, async move {
                if let Err(error) = run(begin, &core).await {
                    tracing::error!(task = name, %error, "background task failed");
                }
            });
            Task { name, handle }
        };
        Ending { tasks: self.tasks.into_iter().map(spawn).collect(), hooks: Mutex::new(self.drain) }
    }
}

/// Of an app that runs: what is left to do when it drains.
pub(super) struct Ending {
    tasks: Vec<Task>,
    /// Never locked: a mutex only so that an app that runs can be shared, though hooks cannot.
    hooks: Mutex<Vec<Hook>>,
}

struct Task {
    name: &'static str,
    handle: JoinHandle<Option<()>>,
}

impl Ending {
    /// Runs the hooks of the drain and waits for the background tasks, until `deadline`.
    pub(super) async fn drain(&mut self, core: &Arc<Core>, deadline: Instant) {
        let Self { tasks, hooks } = self;
        let hooks = async {
            for Hook { at, begin } in take(hooks.get_mut()) {
                match core.env.until(deadline, run(begin, core)).await {
                    Some(Ok(())) => {}
                    Some(Err(error)) => tracing::error!(hook = %at, %error, "drain hook failed"),
                    None => tracing::error!(hook = %at, "a drain hook took too long; dropped"),
                }
            }
        };
        let ended = join_all(tasks.iter_mut().map(|task| &mut task.handle));
        join(hooks, core.env.until(deadline, ended)).await;
        for task in tasks.iter().filter(|task| !task.handle.is_finished()) {
            let task = task.name;
            tracing::warn!(task, "background task still running after `cx.draining()` ended");
        }
    }

    /// Waits for the tasks that did not end, after the app was killed.
    pub(super) async fn dropped(self) {
        for task in self.tasks {
            if !task.handle.is_finished() {
                let _killed = task.handle.await;
            }
        }
    }
}
