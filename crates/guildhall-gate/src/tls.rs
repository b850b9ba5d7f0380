//! [`Tls`]: what a gate needs to speak TLS with clients, read again when its files change.

use std::io::{Error, Result};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use guildhall_core::Env;
use guildhall_core::env::Conn;
use guildhall_tls::{Clock, Shared, TlsConn, certificates, private_key};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

use crate::config::GateConfig;

/// Shortest `gate.tls_reload_ms`.
const RELOAD_MS_MIN: u64 = 1_000;

/// The certificate that new connections see.
pub(crate) struct Tls {
    env: Env,
    files: Files,
    every: Duration,
    /// With what it was made of.
    shown: ArcSwap<(Pair, Arc<ServerConfig>)>,
}

/// `gate.tls_cert` and `gate.tls_key`.
struct Files {
    cert: String,
    key: String,
}

/// A certificate with its chain, and its key.
#[derive(PartialEq, Eq)]
struct Pair {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Tls {
    /// Reads the files that `[gate]` names; `None` when it names none.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub(crate) fn load(
        env: &Env,
        config: &GateConfig,
    ) -> std::result::Result<Option<Self>, String> {
        let files = Files { cert: config.tls_cert.clone(), key: config.tls_key.clone() };
        match (files.cert.is_empty(), files.key.is_empty()) {
            (true, true) => return Ok(None),
            (false, false) => {}
            (true, false) => return Err("gate.tls_cert is empty; TLS needs it and tls_key".into()),
            (false, true) => return Err("gate.tls_key is empty; TLS needs it and tls_cert".into()),
        }
        let every = config.tls_reload_ms;
        if every < RELOAD_MS_MIN {
            return Err(format!(
                "gate.tls_reload_ms is {every}; it must be {RELOAD_MS_MIN} or more"
            ));
        }
        let pair = files.read()?;
        let server = files.config(env, &pair)?;
        let (every, shown) = (Duration::from_millis(every), ArcSwap::from_pointee((pair, server)));
        Ok(Some(Self { env: env.clone(), files, every, shown }))
    }

    /// The connection under TLS. The handshake takes place with the first reads and writes.
    pub(crate) fn wrap(&self, conn: Box<dyn Conn>) -> Result<Box<dyn Conn>> {
        let config = Arc::clone(&self.shown.load().1);
        let session = ServerConnection::new(config).map_err(Error::other)?;
        Ok(Box::new(Shared(Arc::new(TlsConn::new(conn, session.into())))))
    }

    /// Looks at the files every `gate.tls_reload_ms`. What cannot be used, as a certificate whose key is not there yet, changes nothing.
    pub(crate) async fn follow(self: Arc<Self>) {
        let mut told = String::new();
        loop {
            self.env.sleep(self.every).await;
            match self.read_again() {
                Ok(true) => tracing::info!(file = self.files.cert, "new certificate for clients"),
                Ok(false) => {}
                Err(why) if why == told => continue,
                Err(why) => {
                    tracing::error!(
                        why,
                        "certificate for clients not read again; the one before stays"
                    );
                    told = why;
                    continue;
                }
            }
            told.clear();
        }
    }

    /// Whether there is another one.
    fn read_again(&self) -> std::result::Result<bool, String> {
        let pair = self.files.read()?;
        if pair == self.shown.load().0 {
            return Ok(false);
        }
        let config = self.files.config(&self.env, &pair)?;
        self.shown.store(Arc::new((pair, config)));
        Ok(true)
    }
}

impl Files {
    fn read(&self) -> std::result::Result<Pair, String> {
        let chain = certificates(&self.cert)
            .map_err(|why| format!("gate.tls_cert = \"{}\": {why}", self.cert))?;
        let key = private_key(&self.key)
            .map_err(|why| format!("gate.tls_key = \"{}\": {why}", self.key))?;
        Ok(Pair { chain, key })
    }

    fn config(&self, env: &Env, pair: &Pair) -> std::result::Result<Arc<ServerConfig>, String> {
        let usable = |error: rustls::Error| {
            let Self { cert, key } = self;
            format!("gate.tls_cert = \"{cert}\", gate.tls_key = \"{key}\": {error}")
        };
        let (provider, clock) = (ring::default_provider(), Clock(env.clone()));
        let config = ServerConfig::builder_with_details(Arc::new(provider), Arc::new(clock))
            .with_safe_default_protocol_versions()
            .map_err(usable)?
            .with_no_client_auth()
            .with_single_cert(pair.chain.clone(), pair.key.clone_key())
            .map_err(usable)?;
        Ok(Arc::new(config))
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("cert", &self.files.cert).finish_non_exhaustive()
    }
}
