//! [`Connections`]: those to the server of one store, and how they are made.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use guildhall_core::Env;
use guildhall_core::backend::Outage;
use guildhall_core::env::Instant;
use guildhall_sql::Fault;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts, OptsBuilder, SslOpts};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::config::Settings;
use crate::fault::words;

/// A connection that nobody has used for so long is closed: servers, and firewalls on the way, forget idle ones without a word.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// The next address of a host is dialled beside when the one before has not answered for so long.
const STAGGER: Duration = Duration::from_millis(250);
/// Addresses of one host that are dialled.
const ADDRESSES_MAX: usize = 16;

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) conn: Conn,
    /// The most bytes that the server takes at once.
    pub(crate) packet_max: usize,
}

/// The connections of one store.
#[derive(Debug)]
pub(crate) struct Connections {
    env: Env,
    pub(crate) settings: Settings,
    /// Those that nobody uses now, and since when; the last was used last.
    idle: Mutex<Vec<(Connection, Instant)>>,
    /// One permit per connection.
    permits: Semaphore,
    /// When the next one may dial. One dials at a time.
    next_dial: tokio::sync::Mutex<Option<Instant>>,
    /// Why the last dial failed, while no later one has succeeded.
    dial_error: Mutex<Option<String>>,
    pub(crate) outage: Outage,
    /// That acknowledged writes can be lost is in the log.
    warned: AtomicBool,
}

impl Connections {
    pub(crate) fn new(env: &Env, settings: Settings) -> Self {
        let server = format!("{}/{}", settings.addresses.join(","), settings.schema);
        let outage = Outage::new(env, "mysql", server);
        Self {
            env: env.clone(),
            idle: Mutex::default(),
            permits: Semaphore::new(settings.connections),
            next_dial: tokio::sync::Mutex::default(),
            dial_error: Mutex::default(),
            settings,
            outage,
            warned: AtomicBool::new(false),
        }
    }

    /// A connection that nobody else uses.
    pub(crate) async fn take(
        &self,
        deadline: Instant,
    ) -> Result<(Connection, SemaphorePermit<'_>), Fault> {
        let taken = self.env.until(deadline, async {
            let permit = self.permits.acquire().await;
            let permit = permit.map_err(|_| Fault::Busy("the store is closed".to_owned()))?;
            Ok((self.connection().await?, permit))
        });
        taken.await.unwrap_or_else(|| Err(self.late()))
    }

    /// Keeps a connection for the next one.
    pub(crate) fn give_back(&self, connection: Connection) {
        let now = self.env.now();
        let mut idle = self.idle.lock();
        let old = idle.iter().take_while(|(_, since)| now - *since > IDLE_MAX).count();
        let old: Vec<_> = idle.drain(..old).collect();
        idle.push((connection, now));
        drop(idle);
        drop(old);
    }

    /// Closes those that nobody uses: after one was found broken, the others are likely to be as well.
    pub(crate) fn forget_idle(&self) {
        let idle = std::mem::take(&mut *self.idle.lock());
        drop(idle);
    }

    /// There was no connection within the deadline.
    fn late(&self) -> Fault {
        let message = match &*self.dial_error.lock() {
            Some(error) => format!("{error}; start the server, or correct the URL"),
            None => "no connection was free within deadline_ms; raise connections, or find out why the server is slow".to_owned(),
        };
        Fault::Busy(message)
    }

    async fn connection(&self) -> Result<Connection, Fault> {
        let now = self.env.now();
        loop {
            let idle = self.idle.lock().pop();
            match idle {
                Some((idle, since)) if idle.conn.is_disconnected() || now - since > IDLE_MAX => {}
                Some((idle, _)) => return Ok(idle),
                None => return self.dial().await,
            }
        }
    }

    /// Makes a connection, one at a time, and not sooner after a failure than its pause says.
    async fn dial(&self) -> Result<Connection, Fault> {
        let mut next_dial = self.next_dial.lock().await;
        if let Some(not_before) = *next_dial {
            self.env.sleep_until(not_before).await;
        }
        // A dial that is dropped at the deadline of its request has failed too.
        *next_dial = Some(self.env.now() + self.outage.pause());
        match self.dial_all().await {
            Ok(connection) => {
                *next_dial = None;
                self.dial_error.lock().take();
                self.outage.worked();
                Ok(connection)
            }
            Err(error) => {
                self.outage.failed(&error);
                *next_dial = Some(self.env.now() + self.outage.pause());
                *self.dial_error.lock() = Some(error.clone());
                Err(Fault::Lost(format!("{error}; start the server, or correct the URL")))
            }
        }
    }

    async fn dial_all(&self) -> Result<Connection, String> {
        let mut errors = Vec::new();
        let Settings { addresses, deadline, .. } = &self.settings;
        // Half of the deadline is for the dials, so that an address that never answers leaves time for the next.
        let each = *deadline / 2 / u32::try_from(addresses.len()).unwrap_or(1).max(1);
        for address in addresses {
            let dialled = self.env.until(self.env.now() + each, self.dial_one(address));
            match dialled.await {
                Some(Ok(connection)) => return Ok(connection),
                Some(Err(error)) => errors.push(format!("{address}: {error}")),
                None => errors.push(format!("{address}: no answer within {} ms", each.as_millis())),
            }
        }
        Err(errors.join("; "))
    }

    /// Dials the addresses of one host, the next beside those that do not answer: the library would wait for the first.
    async fn dial_one(&self, address: &str) -> Result<Connection, String> {
        let name = address.to_owned();
        let found = self.env.blocking(move || name.to_socket_addrs()).await;
        let found = found.ok_or("the app has ended")?.map_err(|error| error.to_string())?;
        let mut waiting = found.take(ADDRESSES_MAX).collect::<Vec<_>>().into_iter();
        let mut dials = FuturesUnordered::new();
        let mut why = "the host has no address".to_owned();
        loop {
            if let Some(ip) = waiting.next() {
                dials.push(Conn::new(self.at(address, ip)));
            } else if dials.is_empty() {
                return Err(why);
            }
            let ended = match waiting.len() {
                0 => dials.next().await,
                _ => self.env.until(self.env.now() + STAGGER, dials.next()).await.flatten(),
            };
            match ended {
                Some(Ok(conn)) => return self.checked(conn).await.map_err(|error| words(&error)),
                Some(Err(error)) => why = words(&error),
                None => {}
            }
        }
    }

    fn at(&self, address: &str, ip: SocketAddr) -> Opts {
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let tls = self.settings.server.ssl_opts();
        // The certificate is that of the name, whichever address it has led to.
        let tls = tls.map(|tls| {
            let host = host.trim_matches(['[', ']']).to_owned();
            SslOpts::with_danger_tls_hostname_override(tls.clone(), Some(host))
        });
        OptsBuilder::from_opts(self.settings.server.clone())
            .ip_or_hostname(ip.ip().to_string())
            .tcp_port(ip.port())
            .ssl_opts(tls)
            .into()
    }

    /// Asks a new connection for what the server takes, and says once if the server may lose what it has acknowledged.
    async fn checked(&self, mut conn: Conn) -> Result<Connection, mysql_async::Error> {
        const ASKED: &str = "SELECT @@max_allowed_packet, @@innodb_flush_log_at_trx_commit, @@log_bin AND @@sync_binlog <> 1";
        let found: Option<(usize, u8, u8)> = conn.query_first(ASKED).await?;
        let (packet_max, flush, binlog) = found.unwrap_or((1 << 20, 1, 0));
        if (flush != 1 || binlog != 0) && !self.warned.swap(true, Ordering::Relaxed) {
            let server = self.settings.addresses.join(",");
            tracing::warn!(
                server,
                innodb_flush_log_at_trx_commit = flush,
                "acknowledged writes may be lost when the server's machine fails; set innodb_flush_log_at_trx_commit=1, and sync_binlog=1 where there is a binary log"
            );
        }
        Ok(Connection { conn, packet_max })
    }
}
