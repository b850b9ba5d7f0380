//! TLS: which servers are taken.

use guildhall_core::Env;
use guildhall_nats::Settings;
use servers::{Certificates, NATS, Server, has_to_prove_itself, shared};

use crate::server::is_there;

/// Opens a URL, which gets the options, and waits until the server is reached.
async fn ask(url: &str) -> Result<(), String> {
    let join = if url.contains('?') { '&' } else { '?' };
    let settings = Settings::parse(&format!("{url}{join}deadline_ms=8000")).unwrap();
    guildhall_nats::open(&Env::real(), "test", settings).await.unwrap().connected().await
}

#[tokio::test(flavor = "multi_thread")]
async fn with_natss_the_server_has_to_prove_who_it_is() {
    if !is_there("tls::with_natss_the_server_has_to_prove_who_it_is") {
        return;
    }
    let server = Server::new(&NATS);
    let certificates = Certificates::write(server.folder(), "127.0.0.1");
    let (certificate, key) = (certificates.certificate.display(), certificates.key.display());
    let mut server = server.with(&format!("--tls --tlscert {certificate} --tlskey {key}"));
    server.start();
    let plain = server.url();
    let encrypted = plain.replace("nats:", "natss:");
    has_to_prove_itself(&certificates, (&encrypted, &plain), ask).await;

    let without = shared(&NATS).url().replace("nats:", "natss:");
    let without = format!("{without}?ca={}", certificates.root.display());
    let error = ask(&without).await.unwrap_err();
    assert!(error.contains("the server has no TLS"), "{error}");
}
