//! [`Facts`]: whether a server may be used, and what it keeps over its end.

use redis::aio::MultiplexedConnection;

use crate::config::{Persistence, Settings};
use crate::fault::words;

/// What a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Differs for each start of the server.
    pub(crate) run: String,
    pub(crate) persistence: Persistence,
    /// Whether the server was asked, and did not tell, what it keeps.
    pub(crate) is_guess: bool,
}

/// Why a server is not used.
#[derive(Clone, Debug)]
pub(crate) enum NoDial {
    /// It may be another time.
    Now(String),
    /// Somebody has to change it, or the settings.
    Ever(String),
}

impl NoDial {
    pub(crate) fn why(&self) -> &str {
        let (Self::Now(why) | Self::Ever(why)) = self;
        why
    }
}

impl Facts {
    /// Says what the server may lose, at the start and whenever that has changed.
    pub(crate) fn say(&self, before: Option<&Self>, addresses: &[String]) {
        let known = before.map(|before| (before.persistence, before.is_guess));
        if known == Some((self.persistence, self.is_guess)) {
            return;
        }
        let server = addresses.join(",");
        let guess = if self.is_guess {
            "; it forbids CONFIG: say what it is by the option `persistence`"
        } else {
            ""
        };
        match self.persistence {
            Persistence::Always => tracing::info!(server, "redis keeps all that it answers"),
            Persistence::EverySecond => tracing::warn!(
                server,
                "redis may lose the last seconds of acknowledged writes in a power cut, and epochs with them; set appendfsync always and no-appendfsync-on-rewrite no{guess}"
            ),
            Persistence::None => tracing::warn!(
                server,
                "redis loses acknowledged writes when it ends; set appendonly yes and appendfsync always{guess}"
            ),
        }
    }
}

/// Asks the server what it is.
pub(crate) async fn facts(
    conn: &mut MultiplexedConnection,
    settings: &Settings,
) -> Result<Facts, NoDial> {
    let mut info_command = redis::cmd("INFO");
    let info_asked = async {
        let mut conn = conn.clone();
        info_command.arg("everything").query_async::<redis::InfoDict>(&mut conn).await
    };
    let config_asked = async {
        let mut conn = conn.clone();
        let mut command = redis::cmd("CONFIG");
        command.arg("GET").arg("*append*").query_async::<Vec<(String, String)>>(&mut conn).await
    };
    let (info, config) = futures_util::future::join(info_asked, config_asked).await;
    let info = info.map_err(|error| NoDial::Now(words(&error)))?;
    let told = |name: &str| info.get::<String>(name);
    if told("cluster_enabled").as_deref() == Some("1") {
        return Err(NoDial::Ever(
            "the server is in cluster mode, which is not supported; use a server without it (cluster-enabled no)".to_owned(),
        ));
    }
    let policy = told("maxmemory_policy").unwrap_or_default();
    if policy.starts_with("allkeys") && told("maxmemory").as_deref() != Some("0") {
        return Err(NoDial::Ever(format!(
            "the server has maxmemory-policy {policy}, by which rows and leases vanish when its memory is full; set maxmemory-policy noeviction"
        )));
    }
    if told("loading").as_deref() == Some("1") {
        return Err(NoDial::Now("the server is loading its data".to_owned()));
    }
    if told("role").is_some_and(|role| role != "master") {
        return Err(NoDial::Now(
            "the server is a replica, which takes no writes; name its primary".to_owned(),
        ));
    }
    let has_file = told("aof_enabled").map(|enabled| enabled == "1");
    let asked = config.ok().filter(|config| !config.is_empty());
    let set = |name: &str| {
        let config = asked.iter().flatten();
        config.into_iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    };
    // A rewrite during which nothing is synced is a time without `always`.
    let always =
        set("appendfsync") == Some("always") && set("no-appendfsync-on-rewrite") == Some("no");
    let (persistence, is_guess) = match (settings.persistence, has_file) {
        (Some(persistence), _) => (persistence, false),
        (None, Some(false)) => (Persistence::None, false),
        (None, Some(true)) if always => (Persistence::Always, false),
        (None, Some(true)) => (Persistence::EverySecond, asked.is_none()),
        (None, None) => (Persistence::None, true),
    };
    let run = told("run_id").unwrap_or_default();
    Ok(Facts { run, persistence, is_guess })
}
