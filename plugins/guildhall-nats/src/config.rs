//! Settings in a `nats:` URL.

mod login;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use guildhall_core::outside;
use guildhall_tls::{Roots, without_scheme};

use login::parse_login;

pub(crate) use login::Login;

/// Settings of a client of NATS, all in its URL: `nats://user:password@a:4222,b:4222?prefix=guildhall&replicas=1&deadline_ms=3000`.
#[derive(Clone)]
pub struct Settings {
    /// Addresses `host:port` of the servers; all are dialled at once, and the first that greets is taken. 1 to 16.
    pub(crate) addresses: Vec<String>,
    pub(crate) login: Login,
    /// Prefix of all subjects and streams, 1 to 32 of `[a-z0-9_]`. Default `guildhall`. Two games on one server need two.
    pub prefix: String,
    /// Copies of each stream in a cluster of NATS, 1 to 5. Default 1: what was acknowledged is lost with that server's disk.
    pub replicas: usize,
    /// How long a request may take, from 10 ms to 10 minutes. Default 3 s. Too short: requests fail while the server is busy. Too
    /// long: callers wait for a server that is away.
    pub deadline: Duration,
    /// Time after which a popped item that was not acknowledged is delivered again, from 1 s to 24 hours. Default 30 s. Fixed when
    /// a queue is made.
    pub queue_ack: Duration,
    /// Most items of one queue, 1 to 10 million. Default 65,536; a further push is refused.
    pub queue_items: i64,
    /// Most bytes of all queues, 1 KiB to 1 TiB. Default 256 MiB; a further push is refused. The server reserves them when the first
    /// queue is made, and refuses that where its disk has not as much.
    pub queue_bytes: i64,
    /// For TLS: what the server's certificate stems from.
    pub(crate) roots: Option<Roots>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("addresses", &self.addresses)
            .field("prefix", &self.prefix)
            .field("replicas", &self.replicas)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// How to write the URL, for errors.
const FORM: &str = "write nats://user:password@host:4222?prefix=guildhall, or natss:// for TLS";
const ADDRESSES_MAX: usize = 16;

impl Settings {
    /// Reads a URL.
    ///
    /// # Errors
    /// Says what is wrong with it, and how to write it. A user and a password are not in the text.
    pub fn parse(url: &str) -> Result<Self, String> {
        let (is_encrypted, rest) = without_scheme(url, "nats").ok_or(FORM)?;
        let (rest, options) = rest.split_once('?').unwrap_or((rest, ""));
        let (login, hosts) = match rest.rsplit_once('@') {
            Some((login, hosts)) => (parse_login(login)?, hosts),
            None => (Login::Nobody, rest),
        };
        let hosts = hosts.strip_suffix('/').unwrap_or(hosts);
        let addresses: Vec<_> = hosts.split(',').map(address).collect::<Result<_, _>>()?;
        if addresses.len() > ADDRESSES_MAX {
            return Err(format!(
                "{} addresses; at most {ADDRESSES_MAX} are dialled",
                addresses.len()
            ));
        }
        let mut settings = Self {
            addresses,
            login,
            prefix: "guildhall".to_owned(),
            replicas: 1,
            deadline: Duration::from_secs(3),
            queue_ack: Duration::from_secs(30),
            queue_items: 65_536,
            queue_bytes: 256 << 20,
            roots: None,
        };
        let mut ca = None;
        for option in options.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=').unwrap_or((option, "")) {
                ("ca", file) => ca = Some(file),
                (name, text) => settings.set(name, text)?,
            }
        }
        settings.roots = Roots::of_url("natss", is_encrypted, ca)?;
        Ok(settings)
    }

    fn set(&mut self, name: &str, text: &str) -> Result<(), String> {
        let ms = |least, most| number(name, text, least, most).map(Duration::from_millis);
        match name {
            "prefix" => self.prefix = checked_prefix(text)?,
            "replicas" => self.replicas = number(name, text, 1, 5)?,
            "deadline_ms" => self.deadline = ms(10, 600_000)?,
            "queue_ack_ms" => self.queue_ack = ms(1000, 86_400_000)?,
            "queue_items" => self.queue_items = number(name, text, 1, 10_000_000)?,
            "queue_bytes" => self.queue_bytes = number(name, text, 1 << 10, 1 << 40)?,
            _ => {
                return Err(format!(
                    "unknown option `{}`; known are prefix, replicas, deadline_ms, queue_ack_ms, queue_items, queue_bytes, ca",
                    outside(name)
                ));
            }
        }
        Ok(())
    }

    /// The servers as an operator knows them.
    pub(crate) fn server(&self) -> String {
        self.addresses.join(",")
    }
}

fn address(text: &str) -> Result<String, String> {
    let wrong = || format!("`{}` is no address; {FORM}", outside(text));
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.ends_with(':') && !port.ends_with(']') => (host, port),
        _ => (text, "4222"),
    };
    let port: u16 = port.parse().map_err(|_| wrong())?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let six = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let fits = match six {
        Some(six) => six.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(plain),
    };
    if port == 0 || !fits {
        return Err(wrong());
    }
    Ok(format!("{host}:{port}"))
}

fn checked_prefix(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if (1..=32).contains(&text.len()) && text.chars().all(fits) {
        return Ok(text.to_owned());
    }
    Err(format!("option `prefix` is `{}`; write 1 to 32 of a-z, 0-9 and _", outside(text)))
}

fn number<N: FromStr + PartialOrd + fmt::Display + Copy>(
    name: &str,
    text: &str,
    least: N,
    most: N,
) -> Result<N, String> {
    let number = text.parse().ok().filter(|n| (&least..=&most).contains(&n));
    number.ok_or_else(|| format!("option `{name}` is `{}`; write {least} to {most}", outside(text)))
}

/// The URL for an error: without user, password, token and options.
pub(crate) fn without_secrets(url: &str) -> String {
    let url = url.split_once('?').map_or(url, |(base, _)| base);
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, server))) => format!("{scheme}://{server}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests;
