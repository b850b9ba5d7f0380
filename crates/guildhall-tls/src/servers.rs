//! [`Roots`]: whose certificates are taken from a server.

use std::fmt;
use std::io;
use std::sync::Arc;

use guildhall_core::Env;
use guildhall_core::env::Conn;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::clock::Clock;
use crate::conn::{Shared, TlsConn};
use crate::files;

/// What a server's certificate has to stem from: a connection is made to no server without such a certificate that has its name too.
#[derive(Clone)]
pub struct Roots(Arc<RootCertStore>);

impl Roots {
    /// What a URL says of TLS: whether its scheme is the encrypted one, which is `scheme`, and its option `ca`, a file of PEM.
    ///
    /// # Errors
    /// One of the two is there without the other, or the file cannot be used.
    pub fn of_url(
        scheme: &str,
        is_encrypted: bool,
        ca: Option<&str>,
    ) -> Result<Option<Self>, String> {
        match (is_encrypted, ca) {
            (true, Some(file)) => Self::read(file).map(Some),
            (true, None) => Err(format!(
                "{scheme}:// needs ca=FILE, the certificates in PEM that the server's stems from"
            )),
            (false, Some(_)) => Err(format!("option `ca` is for TLS; write {scheme}://")),
            (false, None) => Ok(None),
        }
    }

    /// Reads the roots in a file of PEM.
    ///
    /// # Errors
    /// Why that is not possible; begins `ca=FILE`.
    pub fn read(file: &str) -> Result<Self, String> {
        let roots = files::roots(file).map_err(|why| format!("ca={file}: {why}"))?;
        Ok(Self(Arc::new(roots)))
    }

    /// The configuration of a client which checks the server's certificate and its name, and offers these protocols (ALPN).
    ///
    /// # Errors
    /// None that is known: rustls has what is wanted of it.
    pub fn client(&self, env: &Env, protocols: &[&str]) -> io::Result<ClientConfig> {
        let (provider, clock) = (ring::default_provider(), Clock(env.clone()));
        let config = ClientConfig::builder_with_details(Arc::new(provider), Arc::new(clock))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let roots = Arc::clone(&self.0);
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(config)
    }

    /// Encrypts a connection to this address, `host:port`.
    ///
    /// # Errors
    /// The server has no certificate for that host from these roots, or does not speak TLS.
    ///
    /// # Cancel safety
    /// Dropped, the connection is closed. There is no deadline: the caller has one.
    pub async fn connect(
        &self,
        env: &Env,
        address: &str,
        protocols: &[&str],
        conn: Box<dyn Conn>,
    ) -> io::Result<Box<dyn Conn>> {
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host).map_err(io::Error::other)?;
        let config = Arc::new(self.client(env, protocols)?);
        let session = ClientConnection::new(config, name).map_err(io::Error::other)?;
        let conn = TlsConn::new(conn, session.into());
        conn.handshake().await?;
        Ok(Box::new(Shared(Arc::new(conn))))
    }
}

/// Connects to a server at `host:port`; with roots, by TLS.
///
/// # Errors
/// The server is not reached, or as [`Roots::connect`].
///
/// # Cancel safety
/// Dropped, the connection is closed. There is no deadline: the caller has one.
pub async fn connect(
    env: &Env,
    roots: Option<&Roots>,
    address: &str,
    protocols: &[&str],
) -> io::Result<Box<dyn Conn>> {
    let conn = env.net().connect(address).await?;
    match roots {
        Some(roots) => roots.connect(env, address, protocols, conn).await,
        None => Ok(conn),
    }
}

/// Whether the scheme of a URL is the encrypted one, which is this one and an `s`, and the rest of the URL. `None` if it is neither.
pub fn without_scheme<'a>(url: &'a str, scheme: &str) -> Option<(bool, &'a str)> {
    let (found, rest) = url.split_once("://")?;
    match found.strip_prefix(scheme)? {
        "" => Some((false, rest)),
        "s" => Some((true, rest)),
        _ => None,
    }
}

impl PartialEq for Roots {
    fn eq(&self, other: &Self) -> bool {
        self.0.roots == other.0.roots
    }
}

impl Eq for Roots {}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roots({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::{Roots, without_scheme};

    #[test]
    fn a_scheme_is_plain_or_encrypted_or_another_one() {
        assert_eq!(without_scheme("nats://a?b://c", "nats"), Some((false, "a?b://c")));
        assert_eq!(without_scheme("natss://", "nats"), Some((true, "")));
        for other in
            ["", "nats", "nats:/a", "natsx://a", "natsss://a", "Nats://a", "://a", "x://nats://a"]
        {
            assert_eq!(without_scheme(other, "nats"), None, "{other}");
        }
    }

    #[test]
    fn a_url_has_both_the_encrypted_scheme_and_a_file_of_roots_or_none_of_them() {
        assert_eq!(Roots::of_url("rediss", false, None), Ok(None));
        let error = |is_encrypted, ca| Roots::of_url("rediss", is_encrypted, ca).unwrap_err();
        assert!(error(true, None).contains("rediss:// needs ca=FILE"));
        assert!(error(false, Some("a.pem")).contains("write rediss://"));
        assert!(error(true, Some("/nowhere/a.pem")).starts_with("ca=/nowhere/a.pem: "));
    }
}
