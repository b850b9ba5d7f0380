//! [`LeaseSession`]: the leases of one incarnation of an app, and their deadline by its own clock.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::{Acquired, LeaseError, LeaseErrorKind, Leases, Opened, Transferred, Wanted};
use crate::Env;
use crate::store::{Holder, LeaseId};

/// The duration of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTimes {
    /// Time that the backend keeps the session after its last renewal.
    pub ttl: Duration,
    /// Time before the end at which the holder stops: at least the drift of two clocks in one TTL.
    pub margin: Duration,
}

/// How often a session is opened until it replaces the one that there is.
const OPEN_TRIES: usize = 4;

/// A holder's session with a lease backend. Its owner calls [`LeaseSession::keep_alive`] well within the TTL, and stops serving
/// and writing at [`LeaseSession::valid_until`].
pub struct LeaseSession {
    env: Env,
    leases: Arc<dyn Leases>,
    holder: Holder,
    number: u64,
    times: LeaseTimes,
    over: CancellationToken,
    /// When the last request that renewed it was sent, in boot time; `None` once it is over.
    sent: Mutex<Option<Duration>>,
}

impl LeaseSession {
    /// Begins the session of `holder`. An earlier one of the same holder ends, with all that it held.
    ///
    /// # Errors
    /// The margin does not leave any time, or the backend does not do it.
    ///
    /// # Cancel safety
    /// Dropped, there may be a session; it ends with its TTL, or when another one is opened.
    pub async fn open(
        env: Env,
        leases: Arc<dyn Leases>,
        holder: Holder,
        times: LeaseTimes,
    ) -> Result<Self, LeaseError> {
        if times.margin >= times.ttl {
            let LeaseTimes { ttl, margin } = times;
            let why = format!("a margin of {margin:?} leaves nothing of a TTL of {ttl:?}");
            return Err(LeaseError::new(LeaseErrorKind::Invalid, "open", why));
        }
        let mut instead_of = None;
        for _ in 0..OPEN_TRIES {
            let sent = Mutex::new(Some(env.boot_time()));
            match leases.open(&holder, instead_of, times.ttl).await? {
                Opened::New(number) => {
                    let over = CancellationToken::new();
                    return Ok(Self { env, leases, holder, number, times, over, sent });
                }
                // Of an earlier attempt, whose answer was lost, or of one that the backend does not know to be over.
                Opened::Living(number) => instead_of = Some(number),
            }
        }
        let why =
            format!("another session of {holder} is opened each time: do two apps have one id?");
        Err(LeaseError::new(LeaseErrorKind::Unavailable, "open", why))
    }

    /// The holder of this session.
    pub fn holder(&self) -> &Holder {
        &self.holder
    }

    /// Waits until the backend has said, in whatever answer or without being asked, that the session is over.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn over(&self) {
        tokio::select! {
            () = self.over.cancelled() => {}
            () = self.leases.ended(&self.holder, self.number) => self.end(),
        }
    }

    /// Whether the backend has said so: what it held may be others'.
    pub fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    /// Any word that it is over ends it here.
    fn heard<T>(&self, answer: Result<T, LeaseError>) -> Result<T, LeaseError> {
        if let Err(error) = &answer
            && error.kind == LeaseErrorKind::Expired
        {
            self.end();
        }
        answer
    }

    fn end(&self) {
        *self.sent.lock() = None;
        self.over.cancel();
    }

    /// When to stop, by [`Env::boot_time`] (rule 5): the time at which the last successful renewal was **sent**, plus the TTL, minus the
    /// margin. `None` when the backend has said that the session is over. Whoever answers from memory looks at this after
    /// reading, just before it answers.
    pub fn valid_until(&self) -> Option<Duration> {
        self.sent.lock().map(|sent| sent + (self.times.ttl - self.times.margin))
    }

    /// Whether [`LeaseSession::valid_until`] is in the future.
    pub fn is_valid(&self) -> bool {
        self.valid_until().is_some_and(|end| self.env.boot_time() < end)
    }

    /// Renews everything that is held.
    ///
    /// # Errors
    /// `Expired`: it is over for good; open another one. `Unavailable`: try again before `valid_until`.
    ///
    /// # Cancel safety
    /// Dropped, it may have been renewed; the own clock does not count on it.
    pub async fn keep_alive(&self) -> Result<(), LeaseError> {
        let now = self.env.boot_time();
        self.heard(self.leases.keep_alive(&self.holder, self.number).await)?;
        let mut sent = self.sent.lock();
        // Answers may come in another order than that of the requests.
        *sent = sent.map(|sent| sent.max(now));
        Ok(())
    }

    /// As [`Leases::acquire`].
    ///
    /// # Errors
    /// As [`Leases::acquire`].
    ///
    /// # Cancel safety
    /// Dropped, ids may have been granted: ask again.
    pub async fn acquire(&self, wanted: &[Wanted]) -> Result<Vec<Acquired>, LeaseError> {
        self.heard(self.leases.acquire(&self.holder, wanted).await)
    }

    /// As [`Leases::release`].
    ///
    /// # Errors
    /// As [`Leases::release`].
    pub async fn release(&self, grants: &[(LeaseId, u64)]) -> Result<(), LeaseError> {
        self.heard(self.leases.release(&self.holder, grants).await)
    }

    /// As [`Leases::transfer`]. After an error, or when it is dropped, `acquire` says who holds the id.
    ///
    /// # Errors
    /// As [`Leases::transfer`].
    pub async fn transfer(
        &self,
        id: &LeaseId,
        epoch: u64,
        to: &Holder,
        offer: u64,
    ) -> Result<Transferred, LeaseError> {
        self.heard(self.leases.transfer(&self.holder, id, epoch, to, offer).await)
    }

    /// Ends the session, and frees all that it holds at once.
    ///
    /// # Errors
    /// The backend was not told; the session goes with its TTL.
    pub async fn close(&self) -> Result<(), LeaseError> {
        self.end();
        self.leases.close(&self.holder, self.number).await
    }
}

impl std::fmt::Debug for LeaseSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LeaseSession")
            .field("holder", &self.holder)
            .field("valid", &self.is_valid())
            .finish_non_exhaustive()
    }
}
