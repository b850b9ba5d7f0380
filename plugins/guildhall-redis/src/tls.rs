//! [`Tls`]: TLS to the server by rustls, which checks the server's certificate and its name.

use std::fmt;
use std::io;
use std::sync::Arc;

use guildhall_core::env::ConnIo;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Longest file of root certificates, in bytes.
const ROOTS_MAX: u64 = 4 << 20;

/// What a server's certificate must stem from.
#[derive(Clone)]
pub(crate) struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Reads the roots in this file of PEM.
    pub(crate) fn read(file: &str) -> Result<Self, String> {
        let failed = |why: &dyn fmt::Display| {
            format!(
                "ca={file}: {why}; write the path of a PEM file with the certificates that the server's stems from"
            )
        };
        let size = std::fs::metadata(file).map_err(|error| failed(&error))?.len();
        if size > ROOTS_MAX {
            return Err(failed(&format!("it has {size} bytes; at most {ROOTS_MAX} are read")));
        }
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_file_iter(file).map_err(|error| failed(&error))? {
            let root = root.map_err(|error| failed(&error))?;
            roots.add(root).map_err(|error| failed(&error))?;
        }
        if roots.is_empty() {
            return Err(failed(&"it has no certificate"));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions();
        let config = config.map_err(|error| error.to_string())?;
        let config = config.with_root_certificates(roots).with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }

    /// Encrypts a connection to this address.
    pub(crate) async fn connect(&self, address: &str, io: ConnIo) -> io::Result<TlsStream<ConnIo>> {
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host).map_err(io::Error::other)?;
        TlsConnector::from(Arc::clone(&self.0)).connect(name, io).await
    }
}
