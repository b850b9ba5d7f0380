//! Settings in an `etcd:` URL.

use std::fmt;
use std::time::Duration;

use guildhall_core::outside;
use guildhall_tls::{Roots, without_scheme};

/// Settings, all in the URL: `etcd://user:password@10.0.0.1:2379,10.0.0.2:2379?prefix=guildhall&deadline_ms=5000`.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// Addresses `host:port` of members of one cluster, 1 to 16.
    pub addresses: Vec<String>,
    /// The user, where the server has authentication enabled.
    pub(crate) user: Option<User>,
    /// What all keys begin with. Default `guildhall`. Two games in one etcd need two.
    pub prefix: String,
    /// How long a request may take, waiting for a connection included, from 10 ms to 10 minutes. Default 5 s.
    pub deadline: Duration,
    /// For TLS: what a member's certificate stems from.
    pub(crate) roots: Option<Roots>,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) password: String,
}

const HOW: &str = "write etcd://user:password@host:2379,host:2379?prefix=guildhall&deadline_ms=5000, or etcds:// for TLS";
const ESCAPES: &str = "user and password: write % and two hexadecimal digits for each of %@:/?";
const DOCUMENT: &str = "write etcd://host:2379/KEY, where KEY has a-z, A-Z, 0-9 and -._/";
const ADDRESSES_MAX: usize = 16;
const PREFIX_MAX: usize = 128;
const KEY_MAX: usize = 1024;
const PORT: u16 = 2379;

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("addresses", &self.addresses)
            .field("prefix", &self.prefix)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Reads a URL.
    ///
    /// # Errors
    /// Says what is wrong with it, without its password, and how to write it.
    pub fn parse(url: &str) -> Result<Self, String> {
        let (is_encrypted, rest) = without_scheme(url, "etcd").ok_or(HOW)?;
        let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
        // Where the password ends is not known then, so nothing of the URL is in the error.
        if options.contains('@') {
            return Err(ESCAPES.to_owned());
        }
        let (user, hosts) = match place.rsplit_once('@') {
            Some((user, hosts)) => (Some(User::parse(user)?), hosts),
            None => (None, place),
        };
        let hosts = hosts.strip_suffix('/').unwrap_or(hosts);
        let addresses = hosts.split(',').enumerate().map(address).collect::<Result<Vec<_>, _>>()?;
        if addresses.len() > ADDRESSES_MAX {
            let count = addresses.len();
            return Err(format!("the URL has {count} addresses; {ADDRESSES_MAX} are the most"));
        }
        let (mut prefix, mut deadline_ms, mut ca) = ("guildhall".to_owned(), 5000, None);
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (name, text) = option.split_once('=').unwrap_or((option, ""));
            match name {
                "prefix" => prefix = checked_prefix(text)?,
                "ca" => ca = Some(text),
                "deadline_ms" => deadline_ms = number(name, text, 10, 600_000)?,
                _ => {
                    let name = outside(name);
                    return Err(format!(
                        "unknown option `{name}`; known are prefix, deadline_ms, ca"
                    ));
                }
            }
        }
        let roots = Roots::of_url("etcds", is_encrypted, ca)?;
        Ok(Self { addresses, user, prefix, deadline: Duration::from_millis(deadline_ms), roots })
    }

    /// Reads the URL of a settings document: one with a key after the hosts, `etcd://host:2379/game/demo.toml`.
    ///
    /// # Errors
    /// As [`Settings::parse`], and if there is no key of 1 to 1024 of a-z, A-Z, 0-9 and -._/.
    pub(crate) fn parse_document(url: &str) -> Result<(Self, String), String> {
        let (place, options) = url.split_once('?').unwrap_or((url, ""));
        let (is_encrypted, rest) = without_scheme(place, "etcd").ok_or(DOCUMENT)?;
        // A password has neither `@` nor `/`; one that has is no address, which is not shown.
        let hosts = rest.rfind('@').map_or(0, |at| at + 1);
        let (before, key) = rest[hosts..]
            .split_once('/')
            .map_or((rest, ""), |(host, key)| (&rest[..hosts + host.len()], key));
        let mut settings = Self::parse(&format!(
            "{}://{before}?{options}",
            if is_encrypted { "etcds" } else { "etcd" }
        ))?;
        if key.is_empty() || key.len() > KEY_MAX || !key.chars().all(fits_a_key) {
            return Err(format!("the URL has no key, or a wrong one; {DOCUMENT}"));
        }
        // What a connection asks first, which its user has to be allowed to read.
        key.clone_into(&mut settings.prefix);
        Ok((settings, key.to_owned()))
    }
}

impl User {
    /// Nothing of it is in the errors: it may be the password that was written wrongly.
    fn parse(text: &str) -> Result<Self, String> {
        let (name, password) =
            text.split_once(':').ok_or_else(|| format!("the user has no password; {HOW}"))?;
        let decoded = |text| percent_decoded(text).ok_or_else(|| ESCAPES.to_owned());
        let (name, password) = (decoded(name)?, decoded(password)?);
        if name.is_empty() || password.is_empty() {
            return Err(format!("the user or the password is empty; {HOW}"));
        }
        Ok(Self { name, password })
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        bytes.push(u8::try_from(high << 4 | low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// `host`, `host:port` or `[v6]:port`, as `host:port`. A wrong one may be a password whose `@` is missing: it is not shown.
fn address((at, text): (usize, &str)) -> Result<String, String> {
    let wrong = || format!("address {} is no address; {HOW}", at + 1);
    let bracketed = text.starts_with('[');
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !bracketed || host.ends_with(']') => {
            (host, port.parse().map_err(|_| wrong())?)
        }
        _ => (text, PORT),
    };
    let inside = match bracketed {
        true => host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or_default(),
        false => host,
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c) || bracketed && c == ':';
    if inside.is_empty() || !inside.chars().all(fits) || port == 0 {
        return Err(wrong());
    }
    Ok(format!("{host}:{port}"))
}

fn checked_prefix(text: &str) -> Result<String, String> {
    if !text.is_empty() && text.len() <= PREFIX_MAX && text.chars().all(fits_a_key) {
        return Ok(text.to_owned());
    }
    let text = outside(text);
    Err(format!("option `prefix` is `{text}`; write 1 to {PREFIX_MAX} of a-z, A-Z, 0-9 and -._/"))
}

fn fits_a_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._/".contains(c)
}

fn number(name: &str, text: &str, least: u64, most: u64) -> Result<u64, String> {
    let number = text.parse().ok().filter(|n| (least..=most).contains(n));
    number.ok_or_else(|| format!("option `{name}` is `{}`; write {least} to {most}", outside(text)))
}

#[cfg(test)]
mod tests;
