//! How often a password may be guessed: so many wrong ones per account, and per network.
//!
//! An account that has logged in from a network before has a limit of its own there, so that somebody else who guesses its
//! password, or a neighbour behind the same address, does not keep it out.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use guildhall::Env;
use guildhall::env::Instant;
use guildhall::rate::Rate;
use parking_lot::Mutex;

use super::config::LoginConfig;
use super::slots::Party;

/// Counts wrong passwords, and new accounts.
pub(super) struct Tries {
    env: Env,
    per_account: Rate,
    per_address: Rate,
    registers: Rate,
    counted: Mutex<Counted>,
}

struct Counted {
    /// When a limit counts nothing any more.
    empty_at: Kept<Key>,
    /// When an account has logged in from a network last.
    known: Kept<(String, IpAddr)>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// Tries of an account from networks that it has not logged in from.
    Account(String),
    Known(String, IpAddr),
    /// Wrong passwords of accounts that have not logged in from this network.
    Network(IpAddr),
    Registers(IpAddr),
}

const MINUTE: Duration = Duration::from_secs(60);
/// A limit that was overstepped, by requests that ran at the same time, is made up for during at most so many minutes.
const DEBT_MAX: u32 = 4;

/// How long it takes until the next try.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wait(pub(super) Duration);

/// A try that has begun. If it is dropped it counts as a wrong one: a client that goes away has used a hash all the same.
pub(super) struct Attempt<'a> {
    tries: &'a Tries,
    account: String,
    network: IpAddr,
    key: Key,
    /// Whether it has ended without a guess.
    ended: bool,
}

impl Tries {
    pub(super) fn new(env: &Env, config: &LoginConfig) -> Self {
        let kept = config.tries_kept.max(1);
        let counted = Counted { empty_at: Kept::new(kept), known: Kept::new(kept) };
        Self {
            env: env.clone(),
            per_account: per_minute(config.tries_per_account),
            per_address: per_minute(config.tries_per_address),
            registers: per_minute(config.registers_per_address),
            counted: Mutex::new(counted),
        }
    }

    /// Begins a try, unless there have been too many.
    pub(super) fn begin(&self, account: &str, network: IpAddr) -> Result<Attempt<'_>, Wait> {
        let now = self.env.now();
        let mut state = self.counted.lock();
        let pair = (account.to_owned(), network);
        let key = if state.known.map.contains_key(&pair) {
            Key::Known(pair.0.clone(), network)
        } else {
            let wrong = state.empty_at.get(&Key::Network(network), now);
            check(self.per_address, wrong, now)?;
            Key::Account(pair.0.clone())
        };
        let empty_at = state.empty_at.get(&key, now);
        check(self.per_account, empty_at, now)?;
        // Now, and not when it was wrong: tries at the same time must not all pass.
        state.empty_at.put(key.clone(), empty_at + self.per_account.each());
        Ok(Attempt { tries: self, account: pair.0, network, key, ended: false })
    }

    /// Counts a new account of a network, unless there have been too many.
    pub(super) fn register(&self, network: IpAddr) -> Result<(), Wait> {
        let now = self.env.now();
        let mut state = self.counted.lock();
        let key = Key::Registers(network);
        let empty_at = state.empty_at.get(&key, now);
        check(self.registers, empty_at, now)?;
        state.empty_at.put(key, empty_at + self.registers.each());
        Ok(())
    }

    /// The account has logged in, or was made, from this network.
    pub(super) fn knows(&self, account: &str, network: IpAddr) {
        let now = self.env.now();
        self.counted.lock().known.put((account.to_owned(), network), now);
    }

    /// Limits and known accounts that are remembered.
    #[cfg(test)]
    fn len(&self) -> usize {
        let state = self.counted.lock();
        state.empty_at.map.len() + state.known.map.len()
    }
}

impl Attempt<'_> {
    /// Who waits for the hash.
    pub(super) fn party(&self) -> Party {
        match &self.key {
            Key::Known(account, _) => Party::Known(account.clone()),
            _ => Party::Network(self.network),
        }
    }

    /// Whether it may still be made, now that it has a slot: others that were wrong meanwhile count.
    pub(super) fn confirm(&self) -> Result<(), Wait> {
        let Key::Account(_) = &self.key else { return Ok(()) };
        let (now, state) = (self.tries.env.now(), self.tries.counted.lock());
        let wrong = state.empty_at.get(&Key::Network(self.network), now);
        check(self.tries.per_address, wrong, now)
    }

    /// The password was right.
    pub(super) fn right(self) {
        self.tries.knows(&self.account, self.network);
        self.give_back();
    }

    /// Nothing was learned about the password.
    pub(super) fn give_back(mut self) {
        self.ended = true;
        let (now, mut state) = (self.tries.env.now(), self.tries.counted.lock());
        let empty_at = state.empty_at.get(&self.key, now);
        let before = empty_at.checked_sub(self.tries.per_account.each()).unwrap_or(now);
        state.empty_at.put(self.key.clone(), before);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let Self { tries, key: Key::Account(_), network, ended: false, .. } = self else { return };
        let (now, mut state) = (tries.env.now(), tries.counted.lock());
        let key = Key::Network(*network);
        let empty_at = state.empty_at.get(&key, now) + tries.per_address.each();
        let most = now + tries.per_address.burst() * DEBT_MAX;
        state.empty_at.put(key, empty_at.min(most));
    }
}

/// `count` in a minute, at once or spread; 0: no limit.
fn per_minute(count: u32) -> Rate {
    Rate::new(count, MINUTE, count)
}

fn check(rate: Rate, empty_at: Instant, now: Instant) -> Result<(), Wait> {
    let wait = rate.wait(empty_at, now);
    if wait.is_zero() { Ok(()) } else { Err(Wait(wait)) }
}

/// So many keys, each with a time. If there are too many, those with the earliest times go.
struct Kept<K> {
    map: BTreeMap<K, Instant>,
    max: usize,
}

impl<K: Ord> Kept<K> {
    fn new(max: usize) -> Self {
        Self { map: BTreeMap::new(), max }
    }

    fn get(&self, key: &K, now: Instant) -> Instant {
        self.map.get(key).map_or(now, |at| (*at).max(now))
    }

    fn put(&mut self, key: K, at: Instant) {
        if self.map.len() >= self.max && !self.map.contains_key(&key) {
            self.forget_an_eighth();
        }
        self.map.insert(key, at);
    }

    /// Many at once, so that each costs little.
    fn forget_an_eighth(&mut self) {
        let mut times: Vec<Instant> = self.map.values().copied().collect();
        let at = times.len() / 8;
        let (_, limit, _) = times.select_nth_unstable(at);
        let limit = *limit;
        self.map.retain(|_, at| *at > limit);
    }
}

#[cfg(test)]
mod tests;
