//! Settings in a `postgres:` URL.

use std::fmt;
use std::time::Duration;

use guildhall_sql::{Url, checked_schema};
use tokio_postgres::config::{Host, SslMode};

/// Settings of a store, all in its URL: `postgres://user:password@host:5432/database?schema=guildhall&connections=8&deadline_ms=5000`.
#[derive(Clone)]
pub struct Settings {
    /// Server, user, password and database.
    pub(crate) server: tokio_postgres::Config,
    /// Addresses `host:port` of the server, tried in their order.
    pub(crate) addresses: Vec<String>,
    /// The SQL schema with the tables; made when missing. Default `guildhall`. Two games in one database need two.
    pub schema: String,
    /// The most connections at a time, 1 to 1024. Default 8; a request beyond that waits for one.
    pub connections: usize,
    /// How long a request may take, retries included, from 10 ms to 10 minutes. Default 5 s.
    pub deadline: Duration,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("addresses", &self.addresses)
            .field("schema", &self.schema)
            .field("connections", &self.connections)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Reads a URL.
    ///
    /// # Errors
    /// Says what is wrong with it, and how to write it.
    pub fn parse(url: &str) -> Result<Self, String> {
        let mut url = Url::new(url);
        let connections = url.take_number("connections", 8, 1, 1024)? as usize;
        let deadline_ms = url.take_number("deadline_ms", 5000, 10, 600_000)?;
        let schema = checked_schema(url.take("schema").unwrap_or("guildhall"))?;
        let server = format!("{}?{}", url.base, url.rest());
        let server: tokio_postgres::Config = server.parse().map_err(|error| {
            format!("{error}; write postgres://user:password@host:5432/database?schema=guildhall&connections=8&deadline_ms=5000")
        })?;
        if matches!(server.get_ssl_mode(), SslMode::Require) {
            return Err("sslmode=require: TLS is not supported yet; reach the server over a network that you trust, or through a tunnel".to_owned());
        }
        let addresses = addresses(&server)?;
        let deadline = Duration::from_millis(deadline_ms.into());
        Ok(Self { server, addresses, schema, connections, deadline })
    }
}

fn addresses(server: &tokio_postgres::Config) -> Result<Vec<String>, String> {
    let mut addresses = Vec::new();
    for (at, host) in server.get_hosts().iter().enumerate() {
        let ports = server.get_ports();
        let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(host) if host.contains(':') => addresses.push(format!("[{host}]:{port}")),
            Host::Tcp(host) => addresses.push(format!("{host}:{port}")),
            #[cfg(unix)]
            Host::Unix(_) => {
                return Err("Unix sockets are not supported; write a host and a port".to_owned());
            }
        }
    }
    if addresses.is_empty() {
        return Err("the host is missing; write postgres://user:password@host/database".to_owned());
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests;
