//! [`RedisDiscovery`]: the [`Discovery`] seam. Changes are published; one of the apps ends records that are not renewed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use guildhall_core::discovery::{Change, Discovery, DiscoveryError, NodeRecord, WATCH_BUFFER};
use guildhall_core::{AppId, BoxFuture, Incarnation};
use redis::Script;
use tokio::sync::mpsc;

use crate::client::{Again, Client};
use crate::events::{Events, Read};
use crate::fault::{Fault, damaged};
use crate::reply::{Items, Wrong, uint};
use crate::script::{Args, script};
use crate::sweep::{Sweep, Swept};

/// How many apps may be registered.
const NODES_MAX: usize = 16_384;

/// Apps registered on a Redis server.
pub struct RedisDiscovery(Arc<Inner>);

struct Inner {
    client: Arc<Client>,
    events: Events,
    is_swept: AtomicBool,
    register: Script,
    deregister: Script,
    expire: Script,
    snapshot: Script,
}

impl RedisDiscovery {
    pub(crate) fn new(client: Arc<Client>, events: Events) -> Self {
        Self(Arc::new(Inner {
            client,
            events,
            is_swept: AtomicBool::new(false),
            register: script!("shared", "nodes", "node_register"),
            deregister: script!("shared", "nodes", "node_deregister"),
            expire: script!("shared", "nodes", "node_expire"),
            snapshot: script!("shared", "nodes", "node_snapshot"),
        }))
    }

    /// Whoever registers or watches takes part in looking after the records.
    fn sweep(&self) {
        if !self.0.is_swept.swap(true, Ordering::AcqRel) {
            let env = &self.0.client.env;
            let sweep = Sweep::new(env, "nodes", "nodes:lives");
            env.spawn("redis.nodes", sweep.run(env.clone(), Arc::downgrade(&self.0)));
        }
    }
}

impl Inner {
    fn args(&self) -> Args {
        let mut args = Args::default();
        args.text(&self.client.settings.prefix);
        args
    }

    async fn snapshot(&self) -> Result<(u64, Vec<Change>), Fault> {
        let answer = self.client.call(&self.snapshot, &self.args(), Again::Yes, false).await?;
        let read = || -> Result<_, Wrong> {
            let mut items = Items::of(answer)?;
            let (changes, mut records) = (items.uint()?, Vec::new());
            while !items.is_empty() {
                records.push(Change::Put(NodeRecord::decode(&items.bytes()?)?));
            }
            records.push(Change::Synced);
            Ok((changes, records))
        };
        read().map_err(Fault::Damaged)
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
            for (id, seen) in over {
                args.text(id).text(seen);
            }
            self.client.call(&self.expire, &args, Again::Yes, false).await.map(drop)
        })
    }
}

impl std::fmt::Debug for RedisDiscovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RedisDiscovery").field(&self.0.client.settings).finish()
    }
}

impl Discovery for RedisDiscovery {
    fn register<'a>(
        &'a self,
        node: &'a NodeRecord,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
        Box::pin(async move {
            self.sweep();
            let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
            let mut args = self.0.args();
            args.text(&node.id.to_string()).uint(node.incarnation.0).uint(ttl_ms);
            args.bytes(node.encode()).count(NODES_MAX);
            let answer = self.0.client.call(&self.0.register, &args, Again::Yes, false).await;
            let answer = answer.map_err(|fault| failed("register", fault))?;
            let parted = || -> Result<_, Wrong> {
                let mut items = Items::of(answer)?;
                let came_to = items.text()?;
                let known = if came_to == "later" { items.uint()? } else { 0 };
                Ok((came_to, known))
            };
            let (came_to, known) =
                parted().map_err(|why| failed("register", Fault::Damaged(why)))?;
            let refused = |message| Err(DiscoveryError { operation: "register", message });
            match came_to.as_str() {
                "done" => Ok(()),
                "later" => refused(format!(
                    "{} is registered by a later incarnation ({}, this one is {}); end this one",
                    node.id,
                    Incarnation(known),
                    node.incarnation
                )),
                _ => refused(format!("{NODES_MAX} apps are registered, which is the limit")),
            }
        })
    }

    fn deregister<'a>(
        &'a self,
        id: &'a AppId,
        incarnation: Incarnation,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
        Box::pin(async move {
            let mut args = self.0.args();
            args.text(&id.to_string()).uint(incarnation.0);
            let answer = self.0.client.call(&self.0.deregister, &args, Again::Yes, false).await;
            answer.map(drop).map_err(|fault| failed("deregister", fault))
        })
    }

    fn watch(&self) -> BoxFuture<'_, Result<mpsc::Receiver<Change>, DiscoveryError>> {
        Box::pin(async move {
            self.sweep();
            let channel = format!("{}:nodes", self.0.client.settings.prefix);
            let snapshot =
                async { self.0.snapshot().await.map_err(|fault| failed("watch", fault).message) };
            let read = |text: &[u8]| read_change(text).ok().map(Read::Change);
            let watch = self.0.events.watch(&channel, WATCH_BUFFER, snapshot, read).await;
            watch.map_err(|message| DiscoveryError { operation: "watch", message })
        })
    }
}

/// Reads what scripts publish.
fn read_change(text: &[u8]) -> Result<Change, Wrong> {
    if let Some(record) = text.strip_prefix(b"put\n") {
        return NodeRecord::decode(record).map(Change::Put);
    }
    let text = std::str::from_utf8(text).map_err(|_| "a change that is no UTF-8")?;
    let rest = text.strip_prefix("remove\n").ok_or("a change of another version")?;
    let (id, incarnation) = rest.split_once('\n').ok_or("a change that is none")?;
    let id = id.parse().map_err(|_| "a change of no app")?;
    Ok(Change::Remove(id, Incarnation(uint(incarnation)?)))
}

fn failed(operation: &'static str, fault: Fault) -> DiscoveryError {
    let message = match fault {
        Fault::Damaged(why) => damaged(&why),
        other => other.why().to_owned(),
    };
    DiscoveryError { operation, message }
}
