//! [`PostgresDiscovery`]: the [`Discovery`] seam in a table of one SQL schema.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use guildhall_core::discovery::{Change, Discovery, DiscoveryError, NodeRecord, WATCH_BUFFER};
use guildhall_core::{AppId, BoxFuture, Incarnation};
use tokio::sync::mpsc;
use tokio_postgres::Row;

use crate::cluster::Of;
use crate::fault::Fault;
use crate::link::{Link, ttl_ms};
use crate::node_sql as sql;
use crate::row::{get, uint};
use crate::watchers::Watchers;

/// How many apps may be registered, and how large a record may be, in bytes.
const NODES_MAX: usize = 65_536;
const RECORD_MAX: usize = 1 << 20;

/// Apps registered in a table of a PostgreSQL server. Two of the apps watch which records are renewed, and remove the others.
pub struct PostgresDiscovery {
    link: Arc<Link>,
    watchers: Arc<Watchers<Change>>,
}

impl PostgresDiscovery {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        Self { link, watchers: Watchers::new(WATCH_BUFFER, change) }
    }
}

impl std::fmt::Debug for PostgresDiscovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PostgresDiscovery").field(&self.link.client.settings).finish()
    }
}

impl Discovery for PostgresDiscovery {
    fn register<'a>(
        &'a self,
        node: &'a NodeRecord,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
        Box::pin(async move {
            let failed = |fault| failed("register", fault);
            self.link.ear.ready().await.map_err(failed)?;
            let (record, ttl_ms, link) = (node.encode(), ttl_ms(ttl), &self.link);
            if record.len() > RECORD_MAX {
                let why = format!("{} bytes of a record; at most {RECORD_MAX} fit", record.len());
                return Err(failed(Fault::Values(why)));
            }
            // Most registrations renew one that has not changed.
            let renew = || sql::renew(&link.cluster, node, &record, ttl_ms, link.beat());
            if link.renew(Of::Nodes, &renew).await.map_err(failed)? {
                return Ok(());
            }
            let put = || vec![sql::put(&link.cluster, node, &record, ttl_ms, link.beat())];
            let rows = link.ask(Of::Nodes, &put).await.map_err(failed)?;
            let read = || -> Result<_, String> {
                let row = rows.first().and_then(|rows| rows.first()).ok_or("no answer")?;
                let known = get::<Option<&str>>(row, 0)?.map(uint).transpose()?;
                Ok((known, get::<bool>(row, 1)?))
            };
            let (known, done) =
                read().map_err(|why| failed(Fault::damaged("guildhall_nodes", why)))?;
            if done {
                return Ok(());
            }
            let known = Incarnation(known.unwrap_or(u64::MAX));
            let message = format!(
                "{} is registered by a later incarnation ({known}, this one is {}); end this one",
                node.id, node.incarnation
            );
            Err(DiscoveryError { operation: "register", message })
        })
    }

    fn deregister<'a>(
        &'a self,
        id: &'a AppId,
        incarnation: Incarnation,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
        Box::pin(async move {
            let remove = || vec![sql::remove(&self.link.cluster, id, incarnation)];
            let done = self.link.ask(Of::Nodes, &remove).await;
            done.map(drop).map_err(|fault| failed("deregister", fault))
        })
    }

    fn watch(&self) -> BoxFuture<'_, Result<mpsc::Receiver<Change>, DiscoveryError>> {
        Box::pin(async move {
            let failed = |fault| failed("watch", fault);
            let channel = self.link.cluster.channel(Of::Nodes);
            let listener = Arc::clone(&self.watchers);
            let asked = self.link.ear.attach(&channel, listener);
            self.link.ear.settle(asked).await.map_err(failed)?;
            let joined = self.watchers.join("");
            let read = || vec![sql::read(&self.link.cluster, NODES_MAX + 1)];
            let rows = self.link.ask(Of::Nodes, &read).await.map_err(failed)?;
            let rows: Vec<_> = rows.into_iter().flatten().collect();
            if rows.len() > NODES_MAX {
                let why = format!("over {NODES_MAX} apps are registered; use another schema");
                return Err(failed(Fault::Values(why)));
            }
            let damaged = |why| failed(Fault::damaged("guildhall_nodes", why));
            let (seq, mut snapshot) = snapshot(&rows).map_err(damaged)?;
            snapshot.push(Change::Synced);
            joined.begin(seq, snapshot).ok_or_else(|| {
                let why = "the connection broke while the records were read; watch again";
                failed(Fault::Lost(why.to_owned()))
            })
        })
    }
}

fn snapshot(rows: &[Row]) -> Result<(u64, Vec<Change>), String> {
    let (mut seq, mut nodes) = (0, Vec::new());
    for row in rows {
        seq = u64::try_from(get::<i64>(row, 0)?).map_err(|error| error.to_string())?;
        if let Some(record) = get::<Option<&[u8]>>(row, 1)? {
            nodes.push(Change::Put(NodeRecord::decode(record)?));
        }
    }
    Ok((seq, nodes))
}

/// A change as it was told; there are no prefixes.
fn change(text: &str) -> Option<(String, Change)> {
    let change = match text.split_once(' ')? {
        ("P", record) => Change::Put(NodeRecord::decode(&BASE64.decode(record).ok()?).ok()?),
        ("R", who) => {
            let (app, life) = who.split_once(' ')?;
            Change::Remove(app.parse().ok()?, Incarnation(life.parse().ok()?))
        }
        _ => return None,
    };
    Some((String::new(), change))
}

fn failed(operation: &'static str, fault: Fault) -> DiscoveryError {
    DiscoveryError { operation, message: fault.words() }
}
