//! [`Contender`]: what is measured of each kind of actors.

use anyhow::Result;

pub(crate) const CALLERS: usize = 64;
pub(crate) const ACTORS: usize = 10_000;
/// Tells between two calls of a caller, so that mailboxes have an end.
pub(crate) const TELLS: usize = 128;

/// A kind of actors.
pub(crate) trait Contender: Sized + Send + Sync + 'static {
    const NAME: &'static str;
    /// What keeps an actor.
    type Kept: Send + 'static;

    /// Starts it with actors 0 to `actors`.
    async fn start(actors: usize) -> Result<Self>;

    /// Calls an actor, which answers `value` and what it was told.
    fn call(&self, actor: usize, value: u64) -> impl Future<Output = Result<u64>> + Send;

    /// Tells an actor `value`, without an answer.
    fn tell(&self, actor: usize, value: u64) -> impl Future<Output = Result<()>> + Send;

    /// Makes another actor and calls it once.
    fn activate(&self, number: usize) -> impl Future<Output = Result<Self::Kept>> + Send;

    /// Ends an actor.
    fn end(&self, actor: Self::Kept);

    /// Runs a caller where the actors run.
    fn spawn<F>(caller: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        tokio::spawn(caller)
    }
}

/// Nanoseconds of each operation, in one round.
pub(crate) struct Round {
    pub(crate) name: &'static str,
    /// Calls to one actor and to many.
    pub(crate) calls: [f64; 2],
    pub(crate) tells: [f64; 2],
    pub(crate) activation: f64,
}
