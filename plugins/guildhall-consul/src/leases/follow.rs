//! [`Follower`]: a picture of the keys that is kept up to date by blocking queries, and is read anew after every failure.
//!
//! There are two queries, one of the sessions and one of the leases: each answer of a query has all of its keys, and sessions are
//! written all the time. A query that has failed is never resumed: the picture is told that all is lost, and begins again, so that each session has
//! its whole TTL after the servers were away.

use std::sync::{Arc, Weak};
use std::time::Duration;

use guildhall_kv::{Entry, Picture};
use tokio::sync::watch;

use super::listing::{Known, entries};
use crate::client::{Answer, Client};
use crate::fault::Fault;

/// How long the agent waits for a change before it answers with what it had. It adds up to a sixteenth.
const WAIT: Duration = Duration::from_secs(20);
/// Shortest time between two answers: where changes come all the time, each answer has several.
const PAUSE: Duration = Duration::from_millis(2);
/// Pause after a failure.
const AGAIN: Duration = Duration::from_millis(200);

/// Which keys a query is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Leases,
    Sessions,
}

/// What is shown of each part.
#[derive(Clone, Copy, Debug)]
struct Shown {
    leases: Upto,
    sessions: Upto,
}

/// How far a part was read.
#[derive(Clone, Copy, Debug)]
struct Upto {
    index: u64,
    /// The index of a part without keys grows with the keys of others, which ends no query.
    is_empty: bool,
}

impl Upto {
    fn has(self, last: Self) -> bool {
        self.index >= last.index || self.is_empty && last.is_empty
    }
}

/// The end of a follower that waits for what it has seen. The follower ends with it.
#[derive(Debug)]
pub(super) struct Follower {
    source: Source,
    /// `None` while the picture shows nothing.
    shown: watch::Receiver<Option<Shown>>,
    _alive: Arc<()>,
}

impl Follower {
    /// Begins to follow.
    pub(super) fn start(client: &Arc<Client>, prefix: &str, picture: Arc<impl Picture>) -> Self {
        let (shows, shown) = watch::channel(None);
        let alive = Arc::new(());
        let source = Source { client: Arc::clone(client), prefix: prefix.to_owned() };
        let task = follow(source.clone(), picture, shows, Arc::downgrade(&alive));
        client.env.spawn("consul.leases", task);
        Self { source, shown, _alive: alive }
    }

    /// Waits until the picture shows everything that was written before this was called. Returns the last write of a lease.
    pub(super) async fn catch_up(&self) -> Result<u64, Fault> {
        let last = |part| self.source.last(part);
        let (leases, sessions) = tokio::try_join!(last(Part::Leases), last(Part::Sessions))?;
        self.wait_for(|shown| shown.leases.has(leases) && shown.sessions.has(sessions)).await?;
        Ok(leases.index)
    }

    /// Waits until the picture shows the write `index` of `key`.
    pub(super) async fn shows(&self, key: &str, index: u64) -> Result<(), Fault> {
        let part = Part::of(key);
        self.wait_for(|shown| part.is_none_or(|part| shown.of(part).index >= index)).await
    }

    async fn wait_for(&self, is_there: impl Fn(&Shown) -> bool) -> Result<(), Fault> {
        let Client { env, settings, .. } = &*self.source.client;
        let mut shown = self.shown.clone();
        let shows = shown.wait_for(|shown| shown.as_ref().is_some_and(&is_there));
        match env.until(env.now() + settings.deadline, shows).await {
            Some(Ok(_)) => Ok(()),
            _ => {
                let ms = settings.deadline.as_millis();
                let why = format!("the agent does not show all keys within {ms} ms (deadline_ms)");
                Err(Fault::Lost(why))
            }
        }
    }
}

impl Part {
    fn of(key: &str) -> Option<Self> {
        match key.split_once('.')?.0 {
            "l" => Some(Self::Leases),
            "s" => Some(Self::Sessions),
            _ => None,
        }
    }

    fn letter(self) -> char {
        match self {
            Self::Leases => 'l',
            Self::Sessions => 's',
        }
    }
}

impl Shown {
    fn of(&self, part: Part) -> Upto {
        match part {
            Part::Leases => self.leases,
            Part::Sessions => self.sessions,
        }
    }

    fn set(&mut self, part: Part, upto: Upto) {
        match part {
            Part::Leases => self.leases = upto,
            Part::Sessions => self.sessions = upto,
        }
    }
}

/// Where the keys are.
#[derive(Clone, Debug)]
struct Source {
    client: Arc<Client>,
    prefix: String,
}

impl Source {
    /// How far a part has come, from a leader that knows that it is one.
    async fn last(&self, part: Part) -> Result<Upto, Fault> {
        // All keys have the dot, so that they are one line of the answer.
        let query = format!("{}?keys&separator=.&consistent", part.letter());
        let Answer { index, body } = self.ask(self.client.settings.deadline, &query).await?;
        Ok(Upto { index, is_empty: body.is_empty() })
    }

    /// All keys of a part; with `after`, when it has changed since that index, or after a while.
    async fn read(&self, part: Part, after: Option<u64>) -> Result<(Upto, Vec<Entry>), Fault> {
        let (deadline, how) = match after {
            None => (self.client.settings.deadline, "&consistent".to_owned()),
            Some(index) => (
                WAIT + WAIT / 16 + self.client.settings.deadline,
                format!("&index={index}&wait={}s", WAIT.as_secs()),
            ),
        };
        let answer = self.ask(deadline, &format!("{}.?recurse{how}", part.letter())).await?;
        let entries = entries(&answer, &self.prefix)?;
        Ok((Upto { index: answer.index, is_empty: entries.is_empty() }, entries))
    }

    async fn ask(&self, deadline: Duration, query: &str) -> Result<Answer, Fault> {
        let path = format!("/v1/kv/{}{query}", self.prefix);
        self.client.list_within(deadline, &path).await
    }
}

async fn follow(
    source: Source,
    picture: Arc<impl Picture>,
    shows: watch::Sender<Option<Shown>>,
    alive: Weak<()>,
) {
    let client = &source.client;
    while alive.strong_count() > 0 {
        let fault = tokio::select! {
            biased;
            () = shows.closed() => return,
            fault = read(&source, &*picture, &shows) => fault,
        };
        if shows.send_replace(None).is_some() {
            picture.lost();
        }
        tracing::debug!(%fault, "keys of leases are read anew");
        client.env.sleep(AGAIN + client.outage.pause()).await;
    }
}

/// Reads all keys, and then what changes, until that fails.
async fn read(
    source: &Source,
    picture: &impl Picture,
    shows: &watch::Sender<Option<Shown>>,
) -> Fault {
    let both = tokio::try_join!(source.read(Part::Leases, None), source.read(Part::Sessions, None));
    let ((leases, held), (sessions, open)) = match both {
        Ok(both) => both,
        Err(fault) => return fault,
    };
    let known = (Known::of(&held), Known::of(&open));
    picture.begin(held.into_iter().chain(open).collect());
    shows.send_replace(Some(Shown { leases, sessions }));
    let part = |part, index, known| read_part(source, part, picture, shows, (index, known));
    tokio::select! {
        fault = part(Part::Leases, leases, known.0) => fault,
        fault = part(Part::Sessions, sessions, known.1) => fault,
    }
}

async fn read_part(
    source: &Source,
    part: Part,
    picture: &impl Picture,
    shows: &watch::Sender<Option<Shown>>,
    (Upto { mut index, .. }, mut known): (Upto, Known),
) -> Fault {
    loop {
        let (now, all) = match source.read(part, Some(index)).await {
            Ok(read) => read,
            Err(fault) => return fault,
        };
        // The servers have lost data, were restored, or have forgotten removals that were the last writes.
        if now.index < index {
            return Fault::Lost(format!("the index went back from {index} to {}", now.index));
        }
        for change in known.changes(all, now.index) {
            picture.change(change);
        }
        index = now.index;
        shows.send_modify(|shown| {
            if let Some(shown) = shown {
                shown.set(part, now);
            }
        });
        source.client.env.sleep(PAUSE).await;
    }
}
