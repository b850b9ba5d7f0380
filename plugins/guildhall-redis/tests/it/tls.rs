//! TLS: whose certificates are taken.

use std::path::Path;

use guildhall_core::Env;
use guildhall_core::store::{Migrate, Store as _, StoreErrorKind};
use guildhall_redis::{RedisClient, Settings};
use servers::{Certificates, PASSWORD, REDIS, Server};

use crate::ground::HERO;
use crate::server::{is_there, open};

/// A server that takes TLS alone, with a certificate for that name.
fn server(name: &str) -> (Server, Certificates) {
    let server = Server::new(&REDIS);
    let certificates = Certificates::write(server.folder(), name);
    let arguments = format!(
        "--port 0 --tls-port \"$3\" --tls-auth-clients no --tls-cert-file {} --tls-key-file {}",
        certificates.certificate.display(),
        certificates.key.display()
    );
    let mut server = server.with(&arguments);
    server.start();
    (server, certificates)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_used_if_its_certificate_stems_from_the_root_and_has_its_name() {
    if !is_there("tls::a_server_is_used_if_its_certificate_stems_from_the_root_and_has_its_name") {
        return;
    }
    let (server, certificates) = server("127.0.0.1");
    let url = format!("rediss://:{PASSWORD}@{}", server.address());
    let options = |root: &Path| format!("deadline_ms=4000&connect_ms=500&ca={}", root.display());
    let redis = open(&url, &options(&certificates.root)).await;
    redis.store().prepare(&[&HERO], Migrate::Auto).await.unwrap();

    let error =
        open(&url, &options(&certificates.other_root)).await.store().probe().await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    assert!(error.message.contains("invalid peer certificate"), "{error}");
    let plain = url.replace("rediss:", "redis:");
    open(&plain, "deadline_ms=1000&connect_ms=500").await.store().probe().await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_another_name_is_refused() {
    if !is_there("tls::a_certificate_of_another_name_is_refused") {
        return;
    }
    let (server, certificates) = server("redis.example");
    let url = format!(
        "rediss://:{PASSWORD}@{}?deadline_ms=4000&connect_ms=500&ca={}",
        server.address(),
        certificates.root.display()
    );
    let settings = Settings::parse(&url).unwrap();
    let redis = RedisClient::connect(&Env::real(), settings).await.unwrap();
    let error = redis.store().probe().await.unwrap_err();
    assert!(error.message.contains("not valid for name"), "{error}");
}
