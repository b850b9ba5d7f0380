//! Settings in a `mongodb:` URL.

use std::fmt;
use std::time::Duration;

use mongodb::options::{Acknowledgment, ClientOptions, ReadConcern, Tls, WriteConcern};

/// Settings of a store, all in its URL: `mongodb://user:password@host:27017/database?connections=8&deadline_ms=5000`, and what MongoDB's own
/// URLs may have (`tls=true`, `replicaSet=..`).
#[derive(Clone)]
pub struct Settings {
    /// Servers, user and password.
    pub(crate) server: ClientOptions,
    /// The database with the collections.
    pub database: String,
    /// The most connections at a time to each server, 1 to 1024. Default 8.
    pub connections: u32,
    /// How long a request may take, from 10 ms to 10 minutes. Default 5 s.
    pub deadline: Duration,
    /// Whether a server is used whose guarded updates are not atomic: for tests alone. Default off.
    pub unfenced: bool,
}

impl Settings {
    /// Reads a URL.
    ///
    /// # Errors
    /// Says what is wrong with it, and how to write it.
    pub async fn parse(url: &str) -> Result<Self, String> {
        let (base, options) = url.split_once('?').unwrap_or((url, ""));
        let (mut connections, mut deadline_ms, mut schema, mut unfenced) = (8, 5000, None, false);
        let mut others = Vec::new();
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (name, text) = option.split_once('=').unwrap_or((option, ""));
            match name {
                "connections" => connections = number(name, text, 1, 1024)?,
                "deadline_ms" => deadline_ms = number(name, text, 10, 600_000)?,
                "unfenced" => {
                    unfenced = match text {
                        "on" => true,
                        "off" => false,
                        _ => return Err(format!("option `unfenced` is `{text}`; write on or off")),
                    }
                }
                "schema" => schema = Some(text.to_owned()),
                _ => others.push(option),
            }
        }
        let url = format!("{base}?{}", others.join("&"));
        // Its error may have the password in it.
        let server = ClientOptions::parse(url).await.map_err(|_| {
            "it is no URL of MongoDB; write mongodb://user:password@host:27017/database?connections=8&deadline_ms=5000".to_owned()
        })?;
        let database = schema.or_else(|| server.default_database.clone());
        let database = database.ok_or("the database is missing; write mongodb://host/database")?;
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if database.is_empty() || database.len() > 60 || !database.chars().all(fits) {
            return Err(format!("`{database}` is no database; write 1 to 60 of a-z, 0-9 and _"));
        }
        let deadline = Duration::from_millis(deadline_ms.into());
        if let Some(Tls::Enabled(tls)) = &server.tls
            && tls.allow_invalid_certificates == Some(true)
        {
            return Err("the server's certificate is always checked; name its authority: tls=true&tlsCAFile=FILE".to_owned());
        }
        let server = hardened(server, connections, deadline);
        Ok(Self { server, database, connections, deadline, unfenced })
    }
}

/// What is acknowledged is on the disks of a majority, and nothing waits longer than the deadline.
fn hardened(mut server: ClientOptions, connections: u32, deadline: Duration) -> ClientOptions {
    let durable = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
    server.write_concern = Some(durable);
    server.read_concern = Some(ReadConcern::local());
    server.selection_criteria = None;
    server.max_pool_size = Some(connections);
    server.server_selection_timeout = Some(deadline / 2);
    server.connect_timeout = Some(deadline / 2);
    server.max_idle_time = Some(Duration::from_secs(60));
    // Whether a write may be sent again is decided here.
    server.retry_writes = Some(false);
    server.retry_reads = Some(false);
    server
}

fn number(name: &str, text: &str, least: u32, most: u32) -> Result<u32, String> {
    let number = text.parse().ok().filter(|n| (least..=most).contains(n));
    number.ok_or_else(|| format!("option `{name}` is `{text}`; write {least} to {most}"))
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("database", &self.database)
            .field("connections", &self.connections)
            .field("deadline", &self.deadline)
            .field("unfenced", &self.unfenced)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
