//! Dials the addresses of the server side by side.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use guildhall_core::Env;
use guildhall_core::env::ConnIo;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ProtocolVersion, PushInfo, RedisConnectionInfo};

use crate::config::Settings;
use crate::facts::{Facts, NoDial, facts};
use crate::fault::words;

/// A connection, and the server at its other end.
pub(crate) struct Live {
    pub(crate) conn: MultiplexedConnection,
    pub(crate) facts: Facts,
    ended: Arc<AtomicBool>,
}

impl Live {
    /// Whether the connection has ended: what is sent now is lost.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

/// Takes what the server sends without being asked.
pub(crate) type OnPush = Arc<dyn Fn(PushInfo) + Send + Sync>;

/// Dials all addresses side by side, and takes the first server that may be used.
pub(crate) async fn dial(
    env: &Env,
    settings: &Settings,
    within: Duration,
    on_push: Option<OnPush>,
) -> Result<Live, NoDial> {
    let one = |address: &String| {
        let address = address.clone();
        let on_push = on_push.clone();
        async move {
            let dialled = dial_one(env, settings, &address, on_push);
            let dialled = env.until(env.now() + within, dialled).await;
            let late = || NoDial::Now(format!("no answer within {} ms", within.as_millis()));
            (address, dialled.unwrap_or_else(|| Err(late())))
        }
    };
    let mut dials: FuturesUnordered<_> = settings.addresses.iter().map(one).collect();
    let (mut errors, mut ever) = (Vec::new(), true);
    while let Some((address, dialled)) = dials.next().await {
        match dialled {
            Ok(live) => return Ok(live),
            Err(error) => {
                ever &= matches!(error, NoDial::Ever(_));
                errors.push(format!("{address}: {}", error.why()));
            }
        }
    }
    errors.sort();
    let why = errors.join("; ");
    Err(if ever { NoDial::Ever(why) } else { NoDial::Now(why) })
}

async fn dial_one(
    env: &Env,
    settings: &Settings,
    address: &str,
    on_push: Option<OnPush>,
) -> Result<Live, NoDial> {
    let now = |error: &dyn std::fmt::Display| NoDial::Now(error.to_string());
    let socket = env.net().connect(address).await.map_err(|error| now(&error))?;
    let mut info =
        RedisConnectionInfo::default().set_db(i64::from(settings.database)).set_skip_set_lib_name();
    if let Some(user) = &settings.user {
        info = info.set_username(user);
    }
    if let Some(password) = &settings.password {
        info = info.set_password(password);
    }
    let mut config = AsyncConnectionConfig::new().set_response_timeout(None);
    if let Some(on_push) = on_push {
        info = info.set_protocol(ProtocolVersion::RESP3);
        config = config.set_push_sender(move |push| {
            on_push(push);
            Ok::<(), ()>(())
        });
    }
    let socket = match &settings.tls {
        None => socket,
        Some(roots) => {
            let encrypted = roots.connect(env, address, &[], socket).await;
            encrypted.map_err(|error| now(&error))?
        }
    };
    let stream = ConnIo::new(socket);
    let made = MultiplexedConnection::new_with_config(&info, stream, config).await;
    let (mut conn, driver) = made.map_err(|error| now(&words(&error)))?;
    let ended = Arc::new(AtomicBool::new(false));
    let at_its_end = Arc::clone(&ended);
    env.spawn("redis.connection", async move {
        driver.await;
        at_its_end.store(true, Ordering::Release);
    });
    let facts = facts(&mut conn, settings).await?;
    Ok(Live { conn, facts, ended })
}
