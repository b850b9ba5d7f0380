//! Certificates of links: the files that `[link]` names, as rustls configurations.

use std::sync::Arc;

use guildhall_core::Env;
use guildhall_tls::{Clock, certificates, private_key, roots};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};

use crate::config::LinkConfig;

/// The three files of `[link]`.
pub(super) struct Files<'a> {
    cert: &'a str,
    key: &'a str,
    ca: &'a str,
}

impl<'a> Files<'a> {
    /// All three or none.
    pub(super) fn of(links: &'a LinkConfig) -> Result<Option<Self>, String> {
        let named = [
            ("link.tls_cert", &links.tls_cert),
            ("link.tls_key", &links.tls_key),
            ("link.tls_ca", &links.tls_ca),
        ];
        if named.iter().all(|(_, path)| path.is_empty()) {
            return Ok(None);
        }
        if let Some((key, _)) = named.iter().find(|(_, path)| path.is_empty()) {
            return Err(format!("{key} is empty; TLS on links needs tls_cert, tls_key and tls_ca"));
        }
        Ok(Some(Self { cert: &links.tls_cert, key: &links.tls_key, ca: &links.tls_ca }))
    }

    fn chain(&self) -> Result<Vec<CertificateDer<'static>>, String> {
        certificates(self.cert).map_err(|why| wrong("link.tls_cert", self.cert, &why))
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, String> {
        private_key(self.key).map_err(|why| wrong("link.tls_key", self.key, &why))
    }

    fn roots(&self) -> Result<Arc<RootCertStore>, String> {
        roots(self.ca).map(Arc::new).map_err(|why| wrong("link.tls_ca", self.ca, &why))
    }
}

fn wrong(key: &str, path: &str, why: &str) -> String {
    format!("{key} = \"{path}\": {why}")
}

/// Both sides show their certificate, and believe those of the authority.
pub(super) fn configs(
    env: &Env,
    files: &Files<'_>,
) -> Result<(Arc<ClientConfig>, Arc<ServerConfig>), String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let (roots, clock) = (files.roots()?, Arc::new(Clock(env.clone())));
    let usable = |e: rustls::Error| {
        format!("link.tls_cert = \"{}\", link.tls_key = \"{}\": {e}", files.cert, files.key)
    };
    let believed = Authority {
        roots: Arc::clone(&roots),
        algorithms: provider.signature_verification_algorithms,
    };
    let mut client =
        ClientConfig::builder_with_details(Arc::clone(&provider), Arc::clone(&clock) as _)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(usable)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(believed))
            .with_client_auth_cert(files.chain()?, files.key()?)
            .map_err(usable)?;
    client.enable_sni = false;
    let clients = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
    let clients = clients.map_err(|e| format!("link.tls_ca = \"{}\": {e}", files.ca))?;
    let server = ServerConfig::builder_with_details(provider, clock)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(usable)?
        .with_client_cert_verifier(clients)
        .with_single_cert(files.chain()?, files.key()?)
        .map_err(usable)?;
    Ok((Arc::new(client), Arc::new(server)))
}

/// Believes a server whose certificate comes from the authority, whatever name it listens under: the apps it speaks for are checked
/// against the id in its hello.
#[derive(Debug)]
struct Authority {
    roots: Arc<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Authority {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        rustls::client::verify_server_cert_signed_by_trust_anchor(
            &certificate,
            &self.roots,
            intermediates,
            now,
            self.algorithms.all,
        )?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
