//! Settings in a `mysql:` URL.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use guildhall_sql::{Url, checked_schema};
use mysql_async::{Opts, OptsBuilder, SslOpts};

/// How to write a URL.
const LIKE: &str =
    "write mysql://user:password@host:3306/database?connections=8&deadline_ms=5000&tls=off";
const PORT: u16 = 3306;
/// The kernel asks after so long whether the other end of a silent connection is still there.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Settings of a store, all in its URL: `mysql://user:password@host:3306/database?connections=8&deadline_ms=5000&tls=off`.
#[derive(Clone)]
pub struct Settings {
    /// User, password and TLS.
    pub(crate) server: Opts,
    /// Addresses `host:port` of the server, tried in their order.
    pub(crate) addresses: Vec<String>,
    /// The database with the tables: that of the path, or the option `schema`; made when missing, as far as the user may. Two games on one
    /// server need two.
    pub schema: String,
    /// The most connections at a time, 1 to 1024. Default 8; a request beyond that waits for one.
    pub connections: usize,
    /// How long a request may take, retries included, from 10 ms to 10 minutes. Default 5 s.
    pub deadline: Duration,
    /// Whether connections are encrypted, and the server's certificate checked. Default off. `ca` names a PEM file with the only
    /// authorities that are trusted; without it they are those of the web.
    pub tls: bool,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("addresses", &self.addresses)
            .field("schema", &self.schema)
            .field("connections", &self.connections)
            .field("deadline", &self.deadline)
            .field("tls", &self.tls)
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
        let tls = tls(url.take("tls"), url.take("ca"))?;
        let rest = url.base.strip_prefix("mysql://").or(url.base.strip_prefix("mariadb://"));
        let rest = rest.ok_or(LIKE)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let schema = checked_schema(url.take("schema").unwrap_or(path))?;
        if let Some(name) = url.unknown() {
            let known = "connections, deadline_ms, schema, tls, ca";
            return Err(format!("unknown option `{name}`; known are {known}"));
        }
        let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let addresses = hosts.split(',').map(address).collect::<Result<_, _>>()?;
        // The library takes user and password to pieces.
        let server = Opts::from_url(&format!("mysql://{user}@localhost"))
            .map_err(|_| format!("its user or password cannot be read, characters such as @ and / are written %40 and %2F; {LIKE}"))?;
        let server = OptsBuilder::from_opts(server)
            .prefer_socket(false)
            .client_found_rows(true)
            .tcp_keepalive(Some(KEEPALIVE))
            .stmt_cache_size(0)
            .ssl_opts(tls.clone());
        let (server, tls) = (server.into(), tls.is_some());
        let deadline = Duration::from_millis(deadline_ms.into());
        Ok(Self { server, addresses, schema, connections, deadline, tls })
    }
}

fn tls(tls: Option<&str>, ca: Option<&str>) -> Result<Option<SslOpts>, String> {
    let authorities = match (tls, ca) {
        (None | Some("off"), None) => return Ok(None),
        (Some("on"), None) => return Ok(Some(SslOpts::default())),
        (Some("on"), Some(ca)) => ca,
        (None | Some("off"), Some(_)) => return Err("option `ca` needs tls=on".to_owned()),
        (Some(other), _) => return Err(format!("option `tls` is `{other}`; write on or off")),
    };
    let authorities = PathBuf::from(authorities);
    Ok(Some(
        SslOpts::default()
            .with_root_certs(vec![authorities.into()])
            .with_disable_built_in_roots(true),
    ))
}

/// `host`, `host:port`, `[::1]:port`.
fn address(text: &str) -> Result<String, String> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            let port = port.parse::<u16>().ok().filter(|port| *port != 0);
            (host, port.ok_or_else(|| format!("`{text}` has no port from 1 to 65535; {LIKE}"))?)
        }
        _ => (text, PORT),
    };
    let is_bare = |host: &str| !host.contains(['[', ']', ':', '?', '#', ' ']);
    let is_bracketed = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .is_some_and(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok());
    if host.is_empty() || !(is_bare(host) || is_bracketed) {
        return Err(format!("`{text}` is no host; {LIKE}"));
    }
    Ok(format!("{host}:{port}"))
}

#[cfg(test)]
mod tests;
