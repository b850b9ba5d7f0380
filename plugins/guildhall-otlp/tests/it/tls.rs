//! TLS: which collectors are taken.

use std::sync::Arc;

use guildhall::{App, Config, Env};
use guildhall_otlp::Otlp;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use servers::{Certificates, has_to_prove_itself};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::collector::Collector;

/// Takes connections with TLS alone, and hands what is in them to that address.
async fn decrypting(certificates: &Certificates, to: std::net::SocketAddr) -> std::net::SocketAddr {
    let chain = CertificateDer::pem_file_iter(&certificates.certificate).unwrap();
    let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(&certificates.key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.unwrap().with_no_client_auth().with_single_cert(chain, key);
    let mut config = config.unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let env = Env::real();
    env.clone().spawn("test.tls", async move {
        loop {
            let (encrypted, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            env.spawn("test.tls.connection", async move {
                let Ok(mut plain) = acceptor.accept(encrypted).await else { return };
                let mut collector = TcpStream::connect(to).await.unwrap();
                let _ended = tokio::io::copy_bidirectional(&mut plain, &mut collector).await;
            });
        }
    });
    address
}

/// Starts an app that sends to this endpoint, with the root after `?ca=`, and sends no spans, which is a request too.
async fn ask(url: &str) -> Result<(), String> {
    let (endpoint, ca) = url.split_once("?ca=").unwrap_or((url, ""));
    let otlp = Otlp::new();
    let config = Config::builder()
        .set("app.id", "test.w1.caller.1")
        .set("link.listen", "127.0.0.1:0")
        .set("otlp.endpoint", endpoint)
        .set("otlp.ca", ca)
        .build()
        .unwrap();
    let app = App::with(config).component(otlp.clone()).start().await.unwrap();
    let sent = otlp.spans().export(&[]).await;
    app.shutdown().await;
    sent
}

#[tokio::test(flavor = "multi_thread")]
async fn with_https_the_collector_has_to_prove_who_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::write(folder.path(), "127.0.0.1");
    let (_collector, plain) = Collector::start("127.0.0.1:0").await;
    let address = decrypting(&certificates, plain).await;
    let (encrypted, plain) = (format!("https://{address}"), format!("http://{address}"));
    has_to_prove_itself(&certificates, (&encrypted, &plain), ask).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_with_https_and_no_roots_does_not_start() {
    let config = Config::builder()
        .set("app.id", "test.w1.caller.1")
        .set("link.listen", "127.0.0.1:0")
        .set("otlp.endpoint", "https://127.0.0.1:4317")
        .build()
        .unwrap();
    let error = App::with(config).component(Otlp::new()).start().await.unwrap_err().to_string();
    assert!(error.contains("needs ca=FILE"), "{error}");
}
