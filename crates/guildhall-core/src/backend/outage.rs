//! [`Outage`]: whether the server of a backend answers: one line in the log per outage, `/readyz`, and `guildhall status`.

use std::fmt::{self, Display, Write as _};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::Env;
use crate::env::Instant;

/// Shortest and longest pause before the server is tried again.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Bytes of a reason that are kept.
const WHY_MAX: usize = 300;

/// Whether the server of a backend answers. Clones are the same outage.
///
/// A plugin makes one per server when it opens a URL, calls [`Outage::failed`] with each failure to reach the server and
/// [`Outage::worked`] with each answer, and puts it into [`Backend::outage`](super::Backend::outage). Everything else follows: the
/// first failure logs one WARN, the first answer after it one INFO, and between them `/readyz` names the backend.
///
/// A refusal is an answer: a request that the server refuses calls `worked`. One server has one `Outage`, whatever number of
/// connections there are to it; a connection that ends and is opened again at once is none.
///
/// # Examples
/// ```
/// use guildhall_core::Env;
/// use guildhall_core::backend::Outage;
///
/// # fn dial() -> Result<(), String> { Ok(()) }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let env = Env::real();
/// // The server as an operator knows it: address and database, no password.
/// let outage = Outage::new(&env, "etcd", "10.0.0.1:2379,10.0.0.2:2379");
/// loop {
///     match dial() {
///         Ok(()) => break outage.worked(),
///         Err(error) => outage.failed(&error),
///     }
///     // 50 ms to 2 s, longer the longer the outage lasts, and random.
///     env.sleep(outage.pause()).await;
/// }
/// assert!(!outage.is_there());
/// // In `Plugin::open`: Ok(Backend { outage: Some(outage.clone()), ..Backend::default() })
/// # }
/// ```
#[derive(Clone)]
pub struct Outage(Arc<Inner>);

struct Inner {
    env: Env,
    vendor: &'static str,
    server: String,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    success: Option<Instant>,
    /// Since when the server does not answer, and the first reason.
    outage: Option<(Instant, String)>,
}

/// What is known of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerHealth {
    /// What kind of server it is: `etcd`.
    pub vendor: &'static str,
    /// Its addresses, without secrets.
    pub server: String,
    /// Time since its last answer; `None`: it has never answered.
    pub answered: Option<Duration>,
    /// How long it has not answered, and why; `None`: it answers, or was not asked yet.
    pub outage: Option<(Duration, String)>,
}

impl Outage {
    /// No outage so far of `server`, which names the addresses and no secrets; `vendor` is a word such as `etcd`.
    pub fn new(env: &Env, vendor: &'static str, server: impl Into<String>) -> Self {
        let (env, server) = (env.clone(), server.into());
        Self(Arc::new(Inner { env, vendor, server, seen: Mutex::default() }))
    }

    /// The server was not reached, or did not answer in time. `why` must hold no secrets; 300 bytes of it are kept.
    pub fn failed(&self, why: &dyn Display) {
        let Inner { env, vendor, server, seen } = &*self.0;
        let now = env.now();
        let why = {
            let mut seen = seen.lock();
            if seen.outage.is_some() {
                return;
            }
            let why = shown(why);
            seen.outage = Some((now, why.clone()));
            why
        };
        tracing::warn!(vendor, server, why, "backend unreachable; trying again until it answers");
    }

    /// The server has answered.
    pub fn worked(&self) {
        let Inner { env, vendor, server, seen } = &*self.0;
        let now = env.now();
        let ended = {
            let mut seen = seen.lock();
            seen.success = Some(now);
            seen.outage.take()
        };
        if let Some((since, _)) = ended {
            let lasted_ms = now.saturating_duration_since(since).as_millis();
            tracing::info!(vendor, server, lasted_ms, "backend reachable again");
        }
    }

    /// Calls `worked` or `failed` with the outcome of a request, and returns it.
    ///
    /// # Errors
    /// That of the request.
    pub fn note<T, E: Display>(&self, outcome: Result<T, E>) -> Result<T, E> {
        match &outcome {
            Ok(_) => self.worked(),
            Err(error) => self.failed(error),
        }
        outcome
    }

    /// Whether the server does not answer.
    pub fn is_there(&self) -> bool {
        self.0.seen.lock().outage.is_some()
    }

    /// How long to wait before the server is tried again: at random, 50 ms to 2 s, about as long as the outage has lasted. So the
    /// pauses of one task double, and those of several tasks do not grow faster.
    pub fn pause(&self) -> Duration {
        let env = &self.0.env;
        let lasted = match &self.0.seen.lock().outage {
            Some((since, _)) => env.now().saturating_duration_since(*since),
            None => Duration::ZERO,
        };
        let half = lasted.clamp(PAUSE_MIN * 2, PAUSE_MAX) / 2;
        let half_ms = u64::try_from(half.as_millis()).unwrap_or(u64::MAX);
        half + Duration::from_millis(env.random_below(half_ms + 1))
    }

    /// What is known of the server now.
    pub fn health(&self) -> ServerHealth {
        let Inner { env, vendor, server, seen } = &*self.0;
        let (now, seen) = (env.now(), seen.lock());
        let ago = |then: Instant| now.saturating_duration_since(then);
        ServerHealth {
            vendor,
            server: server.clone(),
            answered: seen.success.map(ago),
            outage: seen.outage.as_ref().map(|(since, why)| (ago(*since), why.clone())),
        }
    }
}

impl fmt::Debug for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outage")
            .field("vendor", &self.0.vendor)
            .field("server", &self.0.server)
            .field("is_there", &self.is_there())
            .finish_non_exhaustive()
    }
}

/// On one line, and not longer than is useful: parts of it come from the server.
fn shown(why: &dyn Display) -> String {
    struct Cut(String);
    impl fmt::Write for Cut {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for c in text.chars() {
                let c = if c.is_control() { ' ' } else { c };
                if self.0.len() + c.len_utf8() > WHY_MAX {
                    return Err(fmt::Error);
                }
                self.0.push(c);
            }
            Ok(())
        }
    }
    let mut cut = Cut(String::new());
    if write!(cut, "{why}").is_err() {
        cut.0.push('…');
    }
    cut.0
}
