//! [`Env`]: the only access to clock, random numbers, tasks and sockets, so that a whole cluster can be simulated.

mod net;
mod dial;
mod pause;
pub(crate) mod deadlines;
mod conn_io;
mod pipe;
mod tokio_net;
mod workers;

use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::Poll;
use std::time::Duration;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng as _, RngCore as _, SeedableRng as _};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use conn_io::ConnIo;
pub use dial::connect_tcp;
pub use net::{Accepted, Conn, Listener, Net, network};
use pause::Pause;
pub use pipe::Pipe;
pub use tokio::time::Instant;
pub use tokio_net::TokioNet;
pub use workers::{Threads, Workers, this_thread};

/// An app's access to the outside world: clock, random numbers, tasks and network.
///
/// Cheap to clone; all clones are the same `Env`. [`Env::real`] is the machine. A simulator makes its own with [`Env::simulated`], and
/// can end every task of the app with [`Env::kill`].
#[derive(Clone)]
pub struct Env(Arc<World>);

struct World {
    net: Arc<dyn Net>,
    rng: Mutex<StdRng>,
    skew_ns: AtomicI64,
    wall_step_ns: AtomicI64,
    simulated: Option<Simulated>,
    blocking: Semaphore,
    killed: CancellationToken,
    tasks: Arc<AtomicI64>,
}

/// A task that lives: counted until it is dropped.
struct LiveTask(Arc<AtomicI64>);

impl LiveTask {
    fn new(tasks: &Arc<AtomicI64>) -> Self {
        tasks.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(tasks))
    }
}

impl Drop for LiveTask {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Simulated {
    /// The start of virtual time.
    start: Instant,
    wall: Duration,
    pause: Arc<Pause>,
}

/// [`Env::blocking`] closures that run at a time on the machine; further ones wait.
pub const BLOCKING_MAX: usize = 64;

impl Env {
    /// The `Env` of the machine: its clock, random numbers and sockets.
    pub fn real() -> Self {
        Self::new(Arc::new(TokioNet), StdRng::from_os_rng(), None)
    }

    /// An `Env` of a simulator: random numbers from `seed`, sockets from `net`, and a wall clock that shows `wall` (since the Unix
    /// epoch) now and follows tokio's clock, which the simulator pauses.
    pub fn simulated(seed: u64, net: Arc<dyn Net>, wall: Duration) -> Self {
        let simulated = Simulated { start: tokio_now(), wall, pause: Arc::default() };
        Self::new(net, StdRng::seed_from_u64(seed), Some(simulated))
    }

    fn new(net: Arc<dyn Net>, rng: StdRng, simulated: Option<Simulated>) -> Self {
        Self(Arc::new(World {
            net,
            rng: Mutex::new(rng),
            skew_ns: AtomicI64::new(0),
            wall_step_ns: AtomicI64::new(0),
            simulated,
            blocking: Semaphore::new(BLOCKING_MAX),
            killed: CancellationToken::new(),
            tasks: Arc::default(),
        }))
    }

    /// The app's monotonic clock.
    #[inline]
    pub fn now(&self) -> Instant {
        let now = tokio_now();
        match self.0.skew_ns.load(Ordering::Relaxed) {
            0 => now,
            skew if skew > 0 => now + Duration::from_nanos(skew.unsigned_abs()),
            skew => now.checked_sub(Duration::from_nanos(skew.unsigned_abs())).unwrap_or(now),
        }
    }

    /// A monotonic clock that includes the time in which the machine is suspended, which [`Env::now`] does not on every system. For
    /// leases, which expire at the backend meanwhile. Its zero is arbitrary and the same for the whole app.
    #[inline]
    pub fn boot_time(&self) -> Duration {
        let simulated = self.0.simulated.as_ref();
        simulated.map_or_else(boot_time, |simulated| self.now().duration_since(simulated.start))
    }

    /// The app's wall clock, since the Unix epoch. For display and start times only, never for ordering events.
    pub fn wall(&self) -> Duration {
        let wall = match &self.0.simulated {
            Some(simulated) => simulated.wall + self.now().duration_since(simulated.start),
            None => system_wall(),
        };
        let step = self.0.wall_step_ns.load(Ordering::Relaxed);
        let by = Duration::from_nanos(step.unsigned_abs());
        if step < 0 { wall.saturating_sub(by) } else { wall + by }
    }

    /// Sets this app's wall clock ahead or behind; [`Env::now`] is not affected. For simulators.
    pub fn set_wall_step(&self, ahead_ns: i64) {
        self.0.wall_step_ns.store(ahead_ns, Ordering::Relaxed);
    }

    /// Sets all clocks of this app ahead or behind those of other apps. For simulators.
    pub fn set_skew(&self, ahead_ns: i64) {
        self.0.skew_ns.store(ahead_ns, Ordering::Relaxed);
    }

    /// Waits for `duration`.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    #[allow(clippy::disallowed_methods, reason = "this is the door")]
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    /// Waits until `deadline` by this app's clock.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn sleep_until(&self, deadline: Instant) {
        self.sleep(deadline.saturating_duration_since(self.now())).await;
    }

    /// Runs `future` until it ends or `deadline` passes, which returns `None`.
    ///
    /// # Cancel safety
    /// That of `future`, which is dropped at the deadline.
    #[allow(clippy::disallowed_methods, reason = "this is the door")]
    pub async fn until<F: Future>(&self, deadline: Instant, future: F) -> Option<F::Output> {
        let left = deadline.saturating_duration_since(self.now());
        tokio::time::timeout(left, future).await.ok()
    }

    /// Sixty-four random bits.
    pub fn random(&self) -> u64 {
        self.0.rng.lock().next_u64()
    }

    /// A random number below `bound`; 0 when `bound` is 0.
    pub fn random_below(&self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.0.rng.lock().random_range(0..bound) }
    }

    /// Random bytes; those of [`Env::real`] are suitable for secrets.
    pub fn random_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.rng.lock().fill_bytes(&mut bytes);
        bytes
    }

    /// Starts a task on the caller's runtime. It continues when the handle is dropped, and ends when the app is killed.
    ///
    /// # Panics
    /// The caller is not in a tokio runtime.
    #[allow(clippy::disallowed_methods, reason = "this is the door")]
    pub fn spawn<F>(&self, name: &'static str, future: F) -> JoinHandle<Option<F::Output>>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        tokio::spawn(self.named(name, future))
    }

    /// Starts a task on the runtime of a worker.
    pub fn spawn_on<F>(
        &self,
        worker: &tokio::runtime::Handle,
        name: &'static str,
        future: F,
    ) -> JoinHandle<Option<F::Output>>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        worker.spawn(self.named(name, future))
    }

    fn named<F: Future>(
        &self,
        name: &'static str,
        future: F,
    ) -> impl Future<Output = Option<F::Output>> + use<F> {
        let killed = self.0.killed.clone();
        let pause = self.pause_of_tasks().cloned();
        let live = LiveTask::new(&self.0.tasks);
        async move {
            let _live = live;
            // A task that panics must not vanish without a word.
            let caught = futures_util::FutureExt::catch_unwind(AssertUnwindSafe(future));
            let mut steps = std::pin::pin!(async {
                tokio::select! {
                    // First: a task that is ready when the app is killed must not take another step.
                    biased;
                    () = killed.cancelled() => None,
                    result = caught => {
                        if result.is_err() {
                            tracing::error!(task = name, "a task panicked");
                        }
                        result.ok()
                    }
                }
            });
            let mut held_in = 0;
            std::future::poll_fn(|cx| match &pause {
                Some(pause) if pause.holds(cx, &mut held_in) => Poll::Pending,
                _ => steps.as_mut().poll(cx),
            })
            .await
        }
    }

    /// The number of live tasks that were started through this `Env`, as a live counter.
    pub fn tasks(&self) -> Arc<AtomicI64> {
        Arc::clone(&self.0.tasks)
    }

    /// Runs a blocking closure (disk, hashing) on a thread of its own, at most [`BLOCKING_MAX`] at a time. `None` if it panicked or
    /// the app was killed.
    ///
    /// # Cancel safety
    /// A closure that has begun runs to its end, also when the future is dropped.
    #[allow(clippy::disallowed_methods, reason = "this is the door")]
    pub async fn blocking<R, F>(&self, closure: F) -> Option<R>
    where
        R: Send + 'static,
        F: FnOnce() -> R + Send + 'static,
    {
        if self.0.simulated.is_some() {
            return std::panic::catch_unwind(AssertUnwindSafe(closure)).ok();
        }
        let _permit = self.0.blocking.acquire().await.ok()?;
        tokio::task::spawn_blocking(closure).await.ok()
    }

    /// The network of this app.
    pub fn net(&self) -> &dyn Net {
        &*self.0.net
    }

    /// Listens on the address of the setting `setting`.
    ///
    /// # Errors
    /// The address cannot be bound. The text names the setting, its value, the problem, and what to do.
    pub async fn listen(
        &self,
        setting: &str,
        address: &str,
    ) -> Result<(Box<dyn Listener>, SocketAddr), String> {
        let wrong = |error: io::Error| {
            let hint = match error.kind() {
                io::ErrorKind::AddrInUse => {
                    "; stop the program that has it, or set another address"
                }
                io::ErrorKind::PermissionDenied => "; set a port of 1024 or more",
                _ => "; it must be host:port of this machine",
            };
            format!("{setting} = \"{address}\": {error}{hint}")
        };
        let listener = self.net().bind(address).await.map_err(wrong)?;
        let bound = listener.local_addr().map_err(wrong)?;
        Ok((listener, bound))
    }

    /// Ends every task that was started through this `Env`, as SIGKILL would: nothing is saved, and no peer is notified.
    pub fn kill(&self) {
        self.0.killed.cancel();
        self.resume();
    }

    /// Pauses every task of this `Env`, as SIGSTOP would, until [`Env::resume`] or [`Env::kill`]. Time continues, and what became due
    /// meanwhile runs afterwards. For simulators; it has no effect on the machine.
    pub fn pause(&self) {
        if let Some(pause) = self.pause_of_tasks() {
            pause.begin();
        }
    }

    /// Ends a pause.
    pub fn resume(&self) {
        if let Some(pause) = self.pause_of_tasks() {
            pause.end();
        }
    }

    fn pause_of_tasks(&self) -> Option<&Arc<Pause>> {
        self.0.simulated.as_ref().map(|simulated| &simulated.pause)
    }

    /// Whether this `Env` is simulated.
    pub fn is_simulated(&self) -> bool {
        self.0.simulated.is_some()
    }
}

impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Env").field("simulated", &self.is_simulated()).finish_non_exhaustive()
    }
}

#[allow(clippy::disallowed_methods, reason = "this is the door")]
#[inline]
fn tokio_now() -> Instant {
    Instant::now()
}

/// Ownership rule 5: on Linux `Instant` stands still while the machine sleeps.
#[cfg(target_os = "linux")]
#[inline]
fn boot_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// The wall clock counts suspended time too; where it is set meanwhile, leases end early or late, and the store still decides.
#[cfg(not(target_os = "linux"))]
fn boot_time() -> Duration {
    system_wall()
}

#[allow(clippy::disallowed_methods, reason = "this is the door")]
fn system_wall() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}
