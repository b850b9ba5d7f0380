//! Settings in a `zeromq:` URL.

/// How to write a URL.
const FORM: &str = "write zeromq://0.0.0.0:7300?peers=10.0.0.6:7300,10.0.0.7:7300&queues=10.0.0.6:7301&items=1000&bytes=67108864";

/// Other apps that one app dials.
const PEERS_MAX: usize = 1024;

/// Settings of a backend, all in its URL: `zeromq://0.0.0.0:7300?peers=10.0.0.6:7300,10.0.0.7:7300`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where this app publishes (PUB), `host:port`. Queues are at the port after it, where this app has them. Port 0 takes any free
    /// ones, for an app that nobody dials.
    pub address: String,
    /// Where items are taken out of queues (PULL): the port after that of `address`.
    pub queue_address: String,
    /// Where other apps publish (SUB), at most 1,024. The own address may be among them, so that all apps can have one list.
    pub peers: Vec<String>,
    /// Apps to which items are pushed (PUSH); none: the queues are in this app.
    pub queues: Vec<String>,
    /// Items that may wait in one queue, for one app of `queues`, and for one app that subscribes, 1 to 1,000,000. Default 1,000.
    pub items: usize,
    /// Bytes that may wait in all queues, for one app of `queues`, and for one app that subscribes, 2 MiB to 16 GiB. Default 64 MiB.
    pub bytes: usize,
}

impl Settings {
    /// Reads a URL.
    ///
    /// # Errors
    /// Says what is wrong with it, and how to write it.
    pub fn parse(url: &str) -> Result<Self, String> {
        let (base, options) = url.split_once('?').unwrap_or((url, ""));
        let own = base.strip_prefix("zeromq://").ok_or_else(|| FORM.to_owned())?;
        let (address, port) = address(own.trim_end_matches('/'), 0)?;
        let host = address.rsplit_once(':').map_or("", |(host, _)| host);
        let after = match port {
            0 => Some(0),
            port => port.checked_add(1),
        };
        let after = after.ok_or("port 65535 has none after it for the queues; take another one")?;
        let mut settings = Self {
            queue_address: format!("{host}:{after}"),
            address,
            peers: Vec::new(),
            queues: Vec::new(),
            items: 1_000,
            bytes: 64 << 20,
        };
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (name, text) = option.split_once('=').unwrap_or((option, ""));
            match name {
                "peers" => settings.peers = addresses(text)?,
                "queues" => settings.queues = addresses(text)?,
                "items" => settings.items = number(name, text, 1, 1_000_000)?,
                "bytes" => settings.bytes = number(name, text, 2 << 20, 16 << 30)?,
                _ => return Err(format!("there is no option `{}`; {FORM}", shown(name))),
            }
        }
        Ok(settings)
    }
}

fn addresses(list: &str) -> Result<Vec<String>, String> {
    let addresses: Vec<String> = list
        .split(',')
        .filter(|text| !text.is_empty())
        .map(|text| address(text, 1).map(|(address, _)| address))
        .collect::<Result<_, _>>()?;
    if addresses.len() > PEERS_MAX {
        return Err(format!("{} addresses; at most {PEERS_MAX}: take a server", addresses.len()));
    }
    Ok(addresses)
}

/// An address and its port.
fn address(text: &str, least: u16) -> Result<(String, u16), String> {
    let wrong = || format!("`{}` is not HOST:PORT; {FORM}", shown(text));
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse().ok().filter(|port| *port >= least).ok_or_else(wrong)?;
    let is_bracketed = host.starts_with('[') && host.ends_with(']');
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let fits_6 = |c: char| c.is_ascii_hexdigit() || matches!(c, ':' | '.' | '[' | ']');
    let is_host = host.chars().all(fits) || is_bracketed && host.chars().all(fits_6);
    if host.is_empty() || !is_host {
        return Err(wrong());
    }
    Ok((format!("{host}:{port}"), port))
}

fn number(name: &str, text: &str, least: usize, most: usize) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| (least..=most).contains(n));
    number.ok_or_else(|| format!("option `{name}` is `{}`; write {least} to {most}", shown(text)))
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests;
