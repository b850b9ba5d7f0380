//! Settings in a `postgres:` URL.

use std::fmt;
use std::time::Duration;

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
        let (base, options) = url.split_once('?').unwrap_or((url, ""));
        let (mut schema, mut connections, mut deadline_ms) = ("guildhall".to_owned(), 8, 5000);
        let mut others = Vec::new();
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (name, text) = option.split_once('=').unwrap_or((option, ""));
            match name {
                "schema" => schema = checked_schema(text)?,
                "connections" => connections = number(name, text, 1, 1024)?,
                "deadline_ms" => deadline_ms = number(name, text, 10, 600_000)?,
                _ => others.push(option),
            }
        }
        let server = format!("{base}?{}", others.join("&"));
        let server: tokio_postgres::Config = server.parse().map_err(|error| {
            format!("{error}; write postgres://user:password@host:5432/database?schema=guildhall&connections=8&deadline_ms=5000")
        })?;
        if matches!(server.get_ssl_mode(), SslMode::Require) {
            return Err("sslmode=require: TLS is not supported yet; reach the server over a network that you trust, or through a tunnel".to_owned());
        }
        let addresses = addresses(&server)?;
        let deadline = Duration::from_millis(deadline_ms as u64);
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

fn checked_schema(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let starts = text.starts_with(|c: char| c.is_ascii_lowercase()) && !text.starts_with("pg_");
    if starts && text.len() <= 63 && text.chars().all(fits) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "option `schema` is `{text}`; write 1 to 63 of a-z, 0-9 and _, a letter first, and not pg_"
    ))
}

fn number(name: &str, text: &str, least: usize, most: usize) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| (least..=most).contains(n));
    number.ok_or_else(|| format!("option `{name}` is `{text}`; write {least} to {most}"))
}

/// The URL for an error: without user and password, and without options, which may hold a password too.
pub(crate) fn without_secrets(url: &str) -> String {
    let url = url.split_once('?').map_or(url, |(base, _)| base);
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, server))) => format!("{scheme}://{server}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests;
