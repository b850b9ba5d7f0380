//! Backends with faults: requests and answers between an app and its backends are lost or delayed.

mod broker;
mod discovery;
mod leases;
mod store;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use guildhall_core::Env;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

pub(crate) use broker::FaultyBroker;
pub(crate) use discovery::FaultyDiscovery;
pub(crate) use leases::FaultyLeases;
pub(crate) use store::FaultyStore;

/// How long it takes at most to learn that a backend is away.
const LEARNT_WITHIN: Duration = Duration::from_millis(200);

/// A backend of a cluster that may have faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seam {
    /// Where entities are kept.
    Store,
    /// Who owns what.
    Leases,
    /// Topics.
    Broker,
    /// Where apps find each other. What was found before stays: links need no discovery.
    Discovery,
}

/// What goes wrong between one app and one of its backends; by default nothing does.
///
/// A request that has left is on its way whatever becomes of its caller: a write whose caller has given up, or was killed, is
/// done when it arrives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeamFaults {
    /// Nothing arrives. Requests fail as `Unavailable`, those whose answers were on their way as `Unknown`, and the streams of
    /// watches and subscriptions end.
    pub away: bool,
    /// How long a request travels, and how long its answer does.
    pub delay: Range<Duration>,
    /// Of a hundred requests, how many fail as `Unavailable`: they have not arrived.
    pub unavailable: u8,
    /// Of a hundred requests that change something, how many fail as `Unknown`: a third of them is done, a third is not, and a
    /// third will be done.
    pub unknown: u8,
    /// How long after its answer a request of the last third is done.
    pub late: Range<Duration>,
}

impl Seam {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Store, Self::Leases, Self::Broker, Self::Discovery];
}

impl SeamFaults {
    /// The backend cannot be reached.
    pub fn away() -> Self {
        Self { away: true, ..Self::default() }
    }

    /// Everything takes a random time of this range, each way.
    pub fn slow(delay: Range<Duration>) -> Self {
        Self { delay, ..Self::default() }
    }

    /// Of a hundred requests `percent` fail as `Unknown`, and as many as `Unavailable`; some are done up to five seconds later.
    pub fn unsure(percent: u8) -> Self {
        let late = Duration::ZERO..Duration::from_secs(5);
        Self { unavailable: percent, unknown: percent, late, ..Self::default() }
    }
}

/// Names what goes wrong, and nothing else.
impl fmt::Display for SeamFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { away, delay, unavailable, unknown, late } = self;
        if *away {
            return f.write_str("away");
        }
        if !delay.is_empty() {
            write!(f, "delay {delay:?} ")?;
        }
        write!(f, "unavailable {unavailable} % unknown {unknown} % late {late:?}")
    }
}

/// The ways of one app to all its backends.
pub(crate) struct Ways {
    store: Arc<Way>,
    leases: Arc<Way>,
    broker: Arc<Way>,
    discovery: Arc<Way>,
}

impl Ways {
    pub(crate) fn new(env: &Env) -> Self {
        let way = || Arc::new(Way { env: env.clone(), state: Mutex::default() });
        Self { store: way(), leases: way(), broker: way(), discovery: way() }
    }

    pub(crate) fn to(&self, seam: Seam) -> &Arc<Way> {
        match seam {
            Seam::Store => &self.store,
            Seam::Leases => &self.leases,
            Seam::Broker => &self.broker,
            Seam::Discovery => &self.discovery,
        }
    }
}

/// The way of one app, in all its lives, to one backend.
pub(crate) struct Way {
    /// The simulator's: what is on its way outlives the app.
    env: Env,
    state: Mutex<Condition>,
}

#[derive(Default)]
struct Condition {
    faults: SeamFaults,
    /// Changes are refused by the backend, reads go on.
    full: bool,
    /// Cancelled when the backend goes away.
    gone: CancellationToken,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lost {
    /// The request has not arrived.
    Unavailable,
    /// The request was done, or was not, or will be.
    Unknown,
    /// It has arrived, and was refused: the disk is full.
    Full,
}

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Reads,
    Changes,
}

impl Way {
    pub(crate) fn set(&self, faults: SeamFaults) {
        let gone = {
            let mut state = self.state.lock();
            let goes_away = faults.away && !state.faults.away;
            state.faults = faults;
            goes_away.then(|| std::mem::take(&mut state.gone))
        };
        // Without the lock: whoever is woken may ask.
        gone.inspect(CancellationToken::cancel);
    }

    pub(crate) fn set_full(&self, full: bool) {
        self.state.lock().full = full;
    }

    fn faults(&self) -> SeamFaults {
        self.state.lock().faults.clone()
    }

    /// Is cancelled when the backend goes away; at once, if it is.
    fn gone(&self) -> CancellationToken {
        let state = self.state.lock();
        if state.faults.away {
            let gone = CancellationToken::new();
            gone.cancel();
            return gone;
        }
        state.gone.clone()
    }

    fn random_of(&self, range: &Range<Duration>) -> Duration {
        let span = range.end.saturating_sub(range.start).as_millis();
        let span = u64::try_from(span).unwrap_or(u64::MAX);
        range.start + Duration::from_millis(self.env.random_below(span))
    }

    /// Waits as long as something new of a stream travels.
    async fn travel(&self) {
        let delay = self.faults().delay;
        if !delay.is_empty() {
            self.env.sleep(self.random_of(&delay)).await;
        }
    }

    /// Takes a request to the backend, and the answer back.
    async fn carry<T: Send + 'static>(
        &self,
        does: Does,
        request: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Lost> {
        let faults = self.faults();
        if does == Does::Changes && self.state.lock().full {
            return Err(Lost::Full);
        }
        if faults == SeamFaults::default() {
            return Ok(request.await);
        }
        if faults.away {
            let learnt = self.random_of(&(Duration::ZERO..LEARNT_WITHIN));
            self.env.sleep(learnt).await;
            return Err(Lost::Unavailable);
        }
        let (there, back) = (self.random_of(&faults.delay), self.random_of(&faults.delay));
        let drawn = self.env.random_below(100);
        let (unavailable, unknown) = (u64::from(faults.unavailable), u64::from(faults.unknown));
        let is_unknown =
            does == Does::Changes && (unavailable..unavailable + unknown).contains(&drawn);
        if drawn < unavailable || (drawn < unavailable + unknown && !is_unknown) {
            self.env.sleep(there).await;
            return Err(Lost::Unavailable);
        }
        // What becomes of one that is answered with `Unknown`.
        let (done, late) = match (is_unknown, self.env.random_below(3)) {
            (false, _) | (true, 0) => (true, Duration::ZERO),
            (true, 1) => (false, Duration::ZERO),
            (true, _) => (true, there + back + self.random_of(&faults.late)),
        };
        let gone = self.gone();
        let (env, (answers, answer)) = (self.env.clone(), oneshot::channel());
        let travels = async move {
            env.sleep(there + late).await;
            if !done {
                return env.sleep(back).await;
            }
            let result = request.await;
            env.sleep(back).await;
            let _or_the_caller_has_gone = answers.send(result);
        };
        drop(self.env.spawn("sim-request", travels));
        if is_unknown {
            self.env.sleep(there + back).await;
            return Err(Lost::Unknown);
        }
        let lost = if does == Does::Changes { Lost::Unknown } else { Lost::Unavailable };
        tokio::select! {
            biased;
            () = gone.cancelled() => Err(lost),
            answer = answer => answer.map_err(|_| lost),
        }
    }
}

/// Passes what a watch shows on in its order, until the backend goes away or the watcher does.
async fn forward<T>(way: Arc<Way>, mut changes: mpsc::Receiver<T>, to: mpsc::Sender<T>) {
    let gone = way.gone();
    loop {
        let change = tokio::select! {
            biased;
            () = gone.cancelled() => return,
            () = to.closed() => return,
            change = changes.recv() => change,
        };
        let Some(change) = change else { return };
        way.travel().await;
        let mut arrived = Some(change);
        while let Some(change) = arrived {
            if to.try_send(change).is_err() {
                return;
            }
            arrived = changes.try_recv().ok();
        }
    }
}

#[cfg(test)]
mod tests;
