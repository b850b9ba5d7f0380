//! Settings in a `consul:` URL.

use std::fmt;
use std::time::Duration;

use guildhall_core::outside;
use guildhall_tls::{Roots, without_scheme};

/// Settings, all in the URL: `consul://:token@127.0.0.1:8500?service=guildhall&deadline_ms=5000`.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// Address `host:port` of the agent: one that lives and dies with the machine of the app.
    pub address: String,
    /// The ACL token, where the agent wants one.
    pub(crate) token: Option<String>,
    /// The name of the service is this, a dash, and the deployment. Default `guildhall`. Two games in one Consul need two.
    pub service: String,
    /// How long a request may take, from 10 ms to 10 minutes. Default 5 s.
    pub deadline: Duration,
    /// For TLS: what the agent's certificate stems from.
    pub(crate) roots: Option<Roots>,
}

const HOW: &str =
    "write consul://:token@host:8500?service=guildhall&deadline_ms=5000, or consuls:// for TLS";

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("address", &self.address)
            .field("service", &self.service)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Reads a URL.
    ///
    /// # Errors
    /// Says what is wrong with it, without its token, and how to write it.
    pub fn parse(url: &str) -> Result<Self, String> {
        let (is_encrypted, rest) = without_scheme(url, "consul").ok_or(HOW)?;
        let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
        // Where the token ends is not known then, so nothing of the URL is in the error.
        if options.contains('@') {
            return Err(format!("the token has a character that no token of Consul has; {HOW}"));
        }
        let (token, address) = match place.rsplit_once('@') {
            Some((user, address)) => (Some(token(user)?), address),
            None => (None, place),
        };
        let address = checked_address(address.strip_suffix('/').unwrap_or(address))?;
        let (mut service, mut deadline_ms, mut ca) = ("guildhall".to_owned(), 5000, None);
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (name, text) = option.split_once('=').unwrap_or((option, ""));
            match name {
                "service" => service = checked_service(text)?,
                "ca" => ca = Some(text),
                "deadline_ms" => deadline_ms = number(name, text, 10, 600_000)?,
                _ => {
                    let name = outside(name);
                    let known = "service, deadline_ms, ca";
                    return Err(format!("unknown option `{name}`; known are {known}"));
                }
            }
        }
        let roots = Roots::of_url("consuls", is_encrypted, ca)?;
        Ok(Self { address, token, service, deadline: Duration::from_millis(deadline_ms), roots })
    }
}

/// It goes into a head of HTTP.
fn token(user: &str) -> Result<String, String> {
    let fits = |token: &&str| {
        !token.is_empty()
            && token.len() <= 256
            && token.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let token = user.strip_prefix(':').filter(fits);
    token
        .map(str::to_owned)
        .ok_or_else(|| format!("the token is not 1 to 256 of a-z, A-Z, 0-9 and -; {HOW}"))
}

/// A wrong one may be a token whose `@` is missing: it is not shown.
fn checked_address(text: &str) -> Result<String, String> {
    let wrong = || format!("the address is no address; {HOW}");
    let bracketed = text.starts_with('[');
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !bracketed || host.ends_with(']') => {
            (host, port.parse::<u16>().map_err(|_| wrong())?)
        }
        _ => (text, 8500),
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

fn checked_service(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !text.is_empty() && text.len() <= 32 && text.chars().all(fits) {
        return Ok(text.to_owned());
    }
    Err(format!("option `service` is `{}`; write 1 to 32 of a-z, 0-9 and -", outside(text)))
}

fn number(name: &str, text: &str, least: u64, most: u64) -> Result<u64, String> {
    let number = text.parse().ok().filter(|n| (least..=most).contains(n));
    number.ok_or_else(|| format!("option `{name}` is `{}`; write {least} to {most}", outside(text)))
}

#[cfg(test)]
mod tests;
