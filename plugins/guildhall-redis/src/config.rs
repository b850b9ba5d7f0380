//! Settings in a `redis:` URL.

mod server;

use std::fmt;
use std::time::Duration;

use guildhall_tls::{Roots, without_scheme};
use server::{addresses, credentials};

/// Settings of a backend, all in its URL: `redis://user:password@host:6379/0?prefix=guildhall&deadline_ms=5000`.
#[derive(Clone)]
pub struct Settings {
    /// Addresses `host:port` of the server, dialled side by side; the first one that takes writes is used.
    pub(crate) addresses: Vec<String>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    /// Number of the database on the server. Default 0.
    pub database: u32,
    /// What every key and channel begins with. Default `guildhall`. Two games on one server need two.
    pub prefix: String,
    /// How long a request may take, attempts included, from 10 ms to 10 minutes. Default 5 s.
    pub deadline: Duration,
    /// How long a starting app waits for the server, from 10 ms to an hour. Default 5 s.
    pub connect: Duration,
    /// How many replicas must have a write before it is answered (`WAIT`), 0 to 16. Default 0.
    pub replicas: u32,
    /// After how long an item of a queue that is not acknowledged is delivered again, from 10 ms to a day. Default 30 s.
    pub ack_wait: Duration,
    /// The most items of one queue, those that are not acknowledged included. Default 65 536.
    pub queue_items: usize,
    pub(crate) tls: Option<Roots>,
    /// What the server keeps over its end, for servers that forbid CONFIG; else it is asked.
    pub persistence: Option<Persistence>,
}

/// What the server has on its disk when it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Persistence {
    /// Nothing, or a snapshot of some time ago: no append-only file.
    None,
    /// All but what a power cut takes of the last seconds: `appendonly yes`, with `appendfsync everysec` or `no`.
    EverySecond,
    /// Everything: `appendonly yes` and `appendfsync always`.
    Always,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("addresses", &self.addresses)
            .field("database", &self.database)
            .field("prefix", &self.prefix)
            .field("deadline", &self.deadline)
            .field("replicas", &self.replicas)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Reads a URL.
    ///
    /// # Errors
    /// Says what is wrong with it, and how to write it. Secrets are not in it.
    pub fn parse(url: &str) -> Result<Self, String> {
        let (is_encrypted, rest) = without_scheme(url, "redis")
            .ok_or("write redis://host:6379, or rediss://host:6379 for TLS")?;
        let (base, options) = rest.split_once('?').unwrap_or((rest, ""));
        let (login, place) = base.rsplit_once('@').map_or((None, base), |(l, p)| (Some(l), p));
        let (hosts, database) = place.split_once('/').unwrap_or((place, ""));
        let (user, password) = credentials(login.unwrap_or_default())?;
        let database = match database {
            "" => 0,
            text => number("database", text, 0, 1023)?,
        };
        let mut settings = Self {
            addresses: addresses(hosts)?,
            user,
            password,
            database: u32::try_from(database).unwrap_or_default(),
            prefix: "guildhall".to_owned(),
            deadline: Duration::from_secs(5),
            connect: Duration::from_secs(5),
            replicas: 0,
            ack_wait: Duration::from_secs(30),
            queue_items: 65_536,
            persistence: None,
            tls: None,
        };
        let mut ca = None;
        for option in options.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=').unwrap_or((option, "")) {
                ("ca", file) => ca = Some(file),
                (name, text) => settings.set(name, text)?,
            }
        }
        settings.tls = Roots::of_url("rediss", is_encrypted, ca)?;
        Ok(settings)
    }

    fn set(&mut self, name: &str, text: &str) -> Result<(), String> {
        let ms = |most| number(name, text, 10, most).map(Duration::from_millis);
        match name {
            "prefix" => self.prefix = checked_prefix(text)?,
            "deadline_ms" => self.deadline = ms(600_000)?,
            "connect_ms" => self.connect = ms(3_600_000)?,
            "ack_wait_ms" => self.ack_wait = ms(86_400_000)?,
            "replicas" => {
                self.replicas = u32::try_from(number(name, text, 0, 16)?).unwrap_or_default();
            }
            "queue_items" => {
                let items = number(name, text, 1, 16_777_216)?;
                self.queue_items = usize::try_from(items).unwrap_or(usize::MAX);
            }
            "persistence" => {
                self.persistence = Some(match text {
                    "always" => Persistence::Always,
                    "everysec" => Persistence::EverySecond,
                    "none" => Persistence::None,
                    _ => {
                        return Err(format!(
                            "option `persistence` is `{}`; write always, everysec or none",
                            shown(text)
                        ));
                    }
                });
            }
            _ => {
                return Err(format!(
                    "unknown option `{}`; known are prefix, deadline_ms, connect_ms, replicas, ack_wait_ms, queue_items, persistence and ca",
                    shown(name)
                ));
            }
        }
        Ok(())
    }
}

fn checked_prefix(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if (1..=64).contains(&text.len()) && text.chars().all(fits) {
        return Ok(text.to_owned());
    }
    Err(format!("option `prefix` is `{}`; write 1 to 64 of A-Z, a-z, 0-9, ., _ and -", shown(text)))
}

fn number(name: &str, text: &str, least: u64, most: u64) -> Result<u64, String> {
    let number = text.parse().ok().filter(|n| (least..=most).contains(n));
    number.ok_or_else(|| format!("`{name}` is `{}`; write {least} to {most}", shown(text)))
}

/// Cut short, for an error.
fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

/// The URL for an error: without user and password, and without options.
pub(crate) fn without_secrets(url: &str) -> String {
    let url = url.split_once('?').map_or(url, |(base, _)| base);
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, server))) => format!("{scheme}://{server}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests;
