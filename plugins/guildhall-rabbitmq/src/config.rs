//! Settings in an `amqp:` URL.

mod address;

use std::fmt;
use std::time::Duration;

use address::Server;
use guildhall_tls::Roots;
use lapin::uri::AMQPUri;

/// How to write a URL.
const FORM: &str = "write amqp://user:password@host:5672/vhost?prefix=guildhall&max_items=65536&max_bytes=67108864&ack_wait_ms=30000&deadline_ms=5000, or amqps://…&ca=FILE for TLS";

/// Longest prefix, in bytes: names of RabbitMQ have at most 255.
const PREFIX_MAX: usize = 32;

/// Settings of a backend, all in its URL: `amqp://user:password@host:5672/vhost?prefix=guildhall&max_items=65536`.
#[derive(Clone)]
pub struct Settings {
    /// User, password and virtual host.
    pub(crate) uri: AMQPUri,
    /// `host:port` of each node.
    pub(crate) addresses: Vec<String>,
    /// For TLS: what a node's certificate stems from.
    pub(crate) roots: Option<Roots>,
    /// How the names of its exchange and its queues begin. Default `guildhall`. Two games in one virtual host need two.
    pub prefix: String,
    /// Items that may wait in one queue, 1 to 10,000,000. Default 65,536. A push beyond is refused. RabbitMQ counts a moment late, so a
    /// few more may get in. A queue keeps the bounds with which it was made.
    pub max_items: i64,
    /// Bytes that may wait in one queue, 1 KiB to 1 TiB. Default 64 MiB.
    pub max_bytes: i64,
    /// After how long an item that was not acknowledged is given back, 100 ms to 10 minutes. Default 30 s.
    pub ack_wait: Duration,
    /// How long a request may take, from 10 ms to 10 minutes. Default 5 s.
    pub deadline: Duration,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("server", &self.server())
            .field("prefix", &self.prefix)
            .field("max_items", &self.max_items)
            .field("max_bytes", &self.max_bytes)
            .field("ack_wait", &self.ack_wait)
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
        let (mut prefix, mut max_items, mut max_bytes) = ("guildhall".to_owned(), 65_536, 64 << 20);
        let (mut ack_wait_ms, mut deadline_ms) = (30_000, 5_000);
        let mut ca = None;
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (name, text) = option.split_once('=').unwrap_or((option, ""));
            match name {
                "ca" => ca = Some(text),
                "prefix" => prefix = checked_prefix(text)?,
                "max_items" => max_items = number(name, text, 1, 10_000_000)?,
                "max_bytes" => max_bytes = number(name, text, 1 << 10, 1 << 40)?,
                "ack_wait_ms" => ack_wait_ms = number(name, text, 100, 600_000)?,
                "deadline_ms" => deadline_ms = number(name, text, 10, 600_000)?,
                _ => return Err(unknown(name)),
            }
        }
        let Server { uri, addresses, is_encrypted } = address::server(base)?;
        let roots = Roots::of_url("amqps", is_encrypted, ca)?;
        Ok(Self {
            uri,
            addresses,
            roots,
            prefix,
            max_items,
            max_bytes,
            ack_wait: Duration::from_millis(ack_wait_ms.unsigned_abs()),
            deadline: Duration::from_millis(deadline_ms.unsigned_abs()),
        })
    }

    /// Addresses and virtual host, as an operator knows the server.
    pub(crate) fn server(&self) -> String {
        format!("{}/{}", self.addresses.join(","), self.uri.vhost)
    }
}

fn checked_prefix(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    // The server keeps names that begin with `amq.` for itself.
    if (1..=PREFIX_MAX).contains(&text.len()) && text.chars().all(fits) && !text.starts_with("amq.")
    {
        return Ok(text.to_owned());
    }
    Err(format!(
        "option `prefix` is `{}`; write 1 to {PREFIX_MAX} of A-Z, a-z, 0-9, `.`, `_` and `-`, and not amq.",
        shown(text)
    ))
}

fn number(name: &str, text: &str, least: i64, most: i64) -> Result<i64, String> {
    let number = text.parse().ok().filter(|n| (least..=most).contains(n));
    number.ok_or_else(|| format!("option `{name}` is `{}`; write {least} to {most}", shown(text)))
}

/// The name is shown where it can be one: it may be a part of a password.
fn unknown(name: &str) -> String {
    let is_name = name.len() <= 40 && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let shown = if is_name { name } else { "…" };
    format!("there is no option `{shown}`; {FORM}")
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests;
