//! Settings in a `hub:` URL.

use std::time::Duration;

/// Settings of a client of a hub, all in its URL: `hub://127.0.0.1:7100?connect_ms=10000`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `host:port` of the hub.
    pub address: String,
    /// How long a starting app waits for its hub.
    pub connect: Duration,
}

impl Settings {
    /// Reads a URL.
    ///
    /// # Errors
    /// Says what is wrong with it, and how to write it.
    pub fn parse(url: &str) -> Result<Self, String> {
        let rest = url.strip_prefix("hub://").ok_or("write hub://host:port")?;
        let (address, options) = rest.split_once('?').unwrap_or((rest, ""));
        let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
        if address.contains(',')
            || port.and_then(|(_, port)| port.parse::<u16>().ok()).is_none_or(|port| port == 0)
        {
            return Err(format!("`{address}` is no address; write hub://host:port"));
        }
        let mut connect_ms = 10_000;
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (name, text) = option.split_once('=').unwrap_or((option, ""));
            if name != "connect_ms" {
                return Err(format!("unknown option `{name}`; known is connect_ms"));
            }
            connect_ms = text
                .parse()
                .ok()
                .filter(|ms| (1..=3_600_000).contains(ms))
                .ok_or_else(|| format!("option `{name}` is `{text}`; write 1 to 3600000"))?;
        }
        Ok(Self { address: address.to_owned(), connect: Duration::from_millis(connect_ms) })
    }
}
