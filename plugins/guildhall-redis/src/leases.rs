//! [`RedisLeases`]: the [`Leases`] seam. Scripts decide; one of the apps ends sessions that are not renewed.

mod words;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use guildhall_core::BoxFuture;
use guildhall_core::leases::memory::{
    EPOCH_END, HELD_MAX, RECORDED_MAX, SESSIONS_MAX, WATCH_BUFFER,
};
use guildhall_core::leases::{
    Acquired, Holding, LeaseCapabilities, LeaseChange, LeaseError, LeaseErrorKind, Leases, Opened,
    Transferred, Wanted,
};
use guildhall_core::store::{Holder, LeaseId};
use redis::Script;
use tokio::sync::mpsc;

use crate::client::{Again, Client};
use crate::config::Persistence;
use crate::events::{Events, Read};
use crate::fault::{Fault, damaged};
use crate::reply::{Items, Wrong};
use crate::script::{Args, holder_text, script};
use crate::sweep::{Sweep, Swept};
use words::{acquired, holding, read_change};

/// Ids of one script: a server does nothing else while it runs.
const IDS_MAX: usize = 256;

/// Leases on a Redis server.
pub struct RedisLeases(Arc<Inner>);

struct Inner {
    client: Arc<Client>,
    events: Events,
    is_swept: AtomicBool,
    scripts: Scripts,
}

struct Scripts {
    open: Script,
    renew: Script,
    close: Script,
    expire: Script,
    acquire: Script,
    release: Script,
    transfer: Script,
    record: Script,
    snapshot: Script,
}

impl RedisLeases {
    pub(crate) fn new(client: Arc<Client>, events: Events) -> Self {
        let scripts = Scripts {
            open: script!("shared", "leases", "lease_open"),
            renew: script!("shared", "leases", "lease_renew"),
            close: script!("shared", "leases", "lease_close"),
            expire: script!("shared", "leases", "lease_expire"),
            acquire: script!("shared", "leases", "lease_acquire"),
            release: script!("shared", "leases", "lease_release"),
            transfer: script!("shared", "leases", "lease_transfer"),
            record: script!("shared", "leases", "lease_record"),
            snapshot: script!("shared", "leases", "lease_snapshot"),
        };
        Self(Arc::new(Inner { client, events, is_swept: AtomicBool::new(false), scripts }))
    }

    /// Whoever uses leases takes part in looking after the sessions.
    fn sweep(&self) {
        if !self.0.is_swept.swap(true, Ordering::AcqRel) {
            let env = &self.0.client.env;
            let sweep = Sweep::new(env, "leases", "leases:sessions");
            env.spawn("redis.leases", sweep.run(env.clone(), Arc::downgrade(&self.0)));
        }
    }
}

impl Inner {
    fn args(&self) -> Args {
        let mut args = Args::default();
        args.text(&self.client.settings.prefix);
        args
    }

    /// Runs a script, and returns its first word and what is behind it.
    async fn ask(
        &self,
        operation: &'static str,
        script: &Script,
        args: &Args,
        again: Again,
    ) -> Result<(String, Items), LeaseError> {
        let answer = self.client.call(script, args, again, true).await;
        let answer = answer.map_err(|fault| failed(operation, fault))?;
        let parted = Items::of(answer).and_then(|mut items| Ok((items.text()?, items)));
        parted.map_err(|why| failed(operation, Fault::Damaged(why)))
    }

    async fn snapshot(&self) -> Result<(u64, Vec<(LeaseId, Holding)>), Fault> {
        let args = self.args();
        let answer = self.client.call(&self.scripts.snapshot, &args, Again::Yes, false).await?;
        let read = |answer| -> Result<_, Wrong> {
            let mut items = Items::of(answer)?;
            let (changes, mut held) = (items.uint()?, Vec::new());
            while !items.is_empty() {
                held.push((LeaseId::from(items.text()?), holding(&items.text()?)?));
            }
            Ok((changes, held))
        };
        read(answer).map_err(Fault::Damaged)
    }
}

impl Swept for Inner {
    fn client(&self) -> &Client {
        &self.client
    }

    fn end<'a>(&'a self, over: &'a [(String, String)]) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            let mut args = self.args();
            args.count(over.len());
            for (holder, seen) in over {
                args.text(holder).text(seen);
            }
            self.client.call(&self.scripts.expire, &args, Again::Yes, true).await.map(drop)
        })
    }
}

impl std::fmt::Debug for RedisLeases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RedisLeases").field(&self.0.client.settings).finish()
    }
}

impl Leases for RedisLeases {
    fn capabilities(&self) -> LeaseCapabilities {
        LeaseCapabilities { durable_epochs: self.0.client.persistence() == Persistence::Always }
    }

    fn open<'a>(
        &'a self,
        holder: &'a Holder,
        instead_of: Option<u64>,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Opened, LeaseError>> {
        Box::pin(async move {
            self.sweep();
            let mut args = self.0.args();
            args.holder(holder).bytes(instead_of.map_or_else(String::new, |n| n.to_string()));
            args.uint(ms(ttl)).count(SESSIONS_MAX);
            let script = &self.0.scripts.open;
            let (came_to, mut items) = self.0.ask("open", script, &args, Again::Yes).await?;
            let number = |items: &mut Items| items.uint().map_err(|why| garbled("open", why));
            match came_to.as_str() {
                "new" => number(&mut items).map(Opened::New),
                "living" => number(&mut items).map(Opened::Living),
                _ => Err(full("open", SESSIONS_MAX, "holders have sessions")),
            }
        })
    }

    fn keep_alive<'a>(
        &'a self,
        holder: &'a Holder,
        session: u64,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        Box::pin(async move {
            self.sweep();
            let mut args = self.0.args();
            args.holder(holder).uint(session);
            let script = &self.0.scripts.renew;
            match self.0.ask("keep_alive", script, &args, Again::Yes).await? {
                (came_to, _) if came_to == "done" => Ok(()),
                _ => Err(no_session("keep_alive", holder)),
            }
        })
    }

    fn close<'a>(
        &'a self,
        holder: &'a Holder,
        session: u64,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        Box::pin(async move {
            let mut args = self.0.args();
            args.holder(holder).uint(session);
            self.0.ask("close", &self.0.scripts.close, &args, Again::Yes).await.map(drop)
        })
    }

    fn acquire<'a>(
        &'a self,
        holder: &'a Holder,
        wanted: &'a [Wanted],
    ) -> BoxFuture<'a, Result<Vec<Acquired>, LeaseError>> {
        Box::pin(async move {
            self.sweep();
            if let Some(wish) = wanted.iter().find(|wish| wish.at_least >= EPOCH_END) {
                let why = format!(
                    "{} was never granted: it is of the last era, which is not used; the row of {} that has it is damaged",
                    wish.at_least, wish.id
                );
                return Err(LeaseError::new(LeaseErrorKind::Invalid, "acquire", why));
            }
            let mut all = Vec::with_capacity(wanted.len());
            for some in wanted.chunks(IDS_MAX) {
                let mut args = self.0.args();
                args.holder(holder).count(HELD_MAX).count(some.len());
                for wish in some {
                    args.text(&wish.id).uint(wish.at_least);
                }
                let script = &self.0.scripts.acquire;
                let (came_to, mut items) = self.0.ask("acquire", script, &args, Again::Yes).await?;
                match came_to.as_str() {
                    "done" => {}
                    "expired" => return Err(no_session("acquire", holder)),
                    _ => return Err(full("acquire", HELD_MAX, "ids are held")),
                }
                for _ in some {
                    let answer = items.items().and_then(acquired);
                    all.push(answer.map_err(|why| garbled("acquire", why))?);
                }
            }
            Ok(all)
        })
    }

    fn release<'a>(
        &'a self,
        holder: &'a Holder,
        grants: &'a [(LeaseId, u64)],
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        Box::pin(async move {
            for some in grants.chunks(IDS_MAX) {
                let mut args = self.0.args();
                args.holder(holder).count(some.len());
                for (id, epoch) in some {
                    args.text(id).uint(*epoch);
                }
                self.0.ask("release", &self.0.scripts.release, &args, Again::Yes).await?;
            }
            Ok(())
        })
    }

    fn transfer<'a>(
        &'a self,
        holder: &'a Holder,
        id: &'a LeaseId,
        epoch: u64,
        to: &'a Holder,
        offer: u64,
    ) -> BoxFuture<'a, Result<Transferred, LeaseError>> {
        Box::pin(async move {
            let mut args = self.0.args();
            args.holder(holder).text(id).uint(epoch).holder(to).uint(offer);
            let script = &self.0.scripts.transfer;
            // Sent again it would find its own work, and say that another holds the id.
            let (came_to, mut items) = self.0.ask("transfer", script, &args, Again::No).await?;
            let read = || -> Result<_, Wrong> {
                Ok(match came_to.as_str() {
                    "done" => Transferred::Done(items.uint()?),
                    "nobody there" => Transferred::NobodyThere,
                    _ => match items.text()?.as_str() {
                        "" => Transferred::NotYours(None),
                        text => Transferred::NotYours(Some(holding(text)?)),
                    },
                })
            };
            let mut read = read;
            read().map_err(|why| garbled("transfer", why))
        })
    }

    fn record<'a>(&'a self, name: &'a str, number: u64) -> BoxFuture<'a, Result<u64, LeaseError>> {
        Box::pin(async move {
            let mut args = self.0.args();
            args.text(name).uint(number).count(RECORDED_MAX);
            let script = &self.0.scripts.record;
            match self.0.ask("record", script, &args, Again::Yes).await? {
                (came_to, mut items) if came_to == "done" => {
                    items.uint().map_err(|why| garbled("record", why))
                }
                _ => Err(full("record", RECORDED_MAX, "numbers are recorded")),
            }
        })
    }

    fn watch<'a>(
        &'a self,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<mpsc::Receiver<LeaseChange>, LeaseError>> {
        Box::pin(async move {
            self.sweep();
            let channel = format!("{}:leases", self.0.client.settings.prefix);
            let snapshot = async {
                let (changes, held) =
                    self.0.snapshot().await.map_err(|fault| fault.why().to_owned())?;
                let held = held.into_iter().filter(|(id, _)| id.starts_with(prefix));
                let held = held.map(|(id, holding)| LeaseChange::Held(id, holding));
                Ok((changes, held.chain([LeaseChange::Synced]).collect()))
            };
            let wanted = prefix.to_owned();
            let read = move |text: &[u8]| {
                let (id, change) = read_change(text).ok()?;
                Some(if id.starts_with(&wanted) { Read::Change(change) } else { Read::Other })
            };
            let watch = self.0.events.watch(&channel, WATCH_BUFFER, snapshot, read).await;
            watch.map_err(|why| LeaseError::new(LeaseErrorKind::Unavailable, "watch", why))
        })
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn failed(operation: &'static str, fault: Fault) -> LeaseError {
    match fault {
        Fault::Damaged(why) => LeaseError::new(LeaseErrorKind::Invalid, operation, damaged(&why)),
        other => LeaseError::new(LeaseErrorKind::Unavailable, operation, other.why()),
    }
}

fn garbled(operation: &'static str, why: Wrong) -> LeaseError {
    failed(operation, Fault::Damaged(why))
}

fn full(operation: &'static str, most: usize, what: &str) -> LeaseError {
    let why = format!("{most} {what}, which is the limit");
    LeaseError::new(LeaseErrorKind::Invalid, operation, why)
}

fn no_session(operation: &'static str, holder: &Holder) -> LeaseError {
    let holder = holder_text(holder);
    let why = format!("{holder} has no session, or it has expired; open one and acquire again");
    LeaseError::new(LeaseErrorKind::Expired, operation, why)
}
