//! Settings in a `postgres:` URL.

use std::fmt;
use std::time::Duration;

use guildhall_sql::{Url, checked_schema};
use tokio_postgres::config::Host;

use crate::tls::Tls;

/// Settings of a store, all in its URL: `postgres://user:password@host:5432/database?schema=guildhall&connections=8&deadline_ms=5000`.
#[derive(Clone)]
pub struct Settings {
    /// Server, user, password and database.
    pub(crate) server: tokio_postgres::Config,
    pub(crate) tls: Tls,
    /// Addresses `host:port` of the server. The next is dialled beside one that has not answered for 250 ms; a replica is not used.
    pub(crate) addresses: Vec<String>,
    /// Host names, in the order of the addresses.
    pub(crate) hosts: Vec<String>,
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
        let (sslmode, roots) = (url.take("sslmode").unwrap_or("prefer"), url.take("sslrootcert"));
        if let Some(roots) = roots.filter(|roots| roots.contains('%')) {
            return Err(format!("option `sslrootcert` is `{roots}`; write a path without %"));
        }
        let server = format!("{}?{}", url.base, url.rest());
        let mut server: tokio_postgres::Config = server.parse().map_err(|error| {
            format!("{error}; write postgres://user:password@host:5432/database?schema=guildhall&connections=8&deadline_ms=5000")
        })?;
        let (mode, tls) = Tls::new(sslmode, roots)?;
        server.ssl_mode(mode);
        let (hosts, addresses) = addresses(&server)?.into_iter().unzip();
        let deadline = Duration::from_millis(deadline_ms.into());
        Ok(Self { server, tls, addresses, hosts, schema, connections, deadline })
    }

    /// The addresses, as an operator knows them.
    pub(crate) fn server_name(&self) -> String {
        self.addresses.join(",")
    }
}

/// Hosts, and their addresses.
fn addresses(server: &tokio_postgres::Config) -> Result<Vec<(String, String)>, String> {
    let mut addresses = Vec::new();
    for (at, host) in server.get_hosts().iter().enumerate() {
        let ports = server.get_ports();
        let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(host) if host.contains(':') => {
                addresses.push((host.clone(), format!("[{host}]:{port}")));
            }
            Host::Tcp(host) => addresses.push((host.clone(), format!("{host}:{port}"))),
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
