//! TLS: whose certificates are taken.

use std::path::PathBuf;

use guildhall_core::Env;
use guildhall_core::store::{Migrate, Store as _, StoreErrorKind};
use guildhall_redis::{RedisClient, Settings};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use servers::{PASSWORD, REDIS, Server};

use crate::ground::HERO;
use crate::server::{is_there, open};

/// A server that takes TLS alone, with a certificate for that name; and the files of its root and of another one.
fn server(name: &str) -> (Server, PathBuf, PathBuf) {
    let server = Server::new(&REDIS);
    let folder = server.folder().to_owned();
    let write = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).unwrap();
        folder.join(name)
    };
    let root = || {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        (pem, Issuer::new(params, key))
    };
    let ((own, issuer), (other, _)) = (root(), root());
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    write("server.crt", &params.signed_by(&key, &issuer).unwrap().pem());
    write("server.key", &key.serialize_pem());
    let (own, other) = (write("own.pem", &own), write("other.pem", &other));
    let arguments = format!(
        "--port 0 --tls-port \"$3\" --tls-auth-clients no --tls-cert-file {0}/server.crt --tls-key-file {0}/server.key",
        folder.display()
    );
    let mut server = server.with(&arguments);
    server.start();
    (server, own, other)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_used_if_its_certificate_stems_from_the_root_and_has_its_name() {
    if !is_there("tls::a_server_is_used_if_its_certificate_stems_from_the_root_and_has_its_name") {
        return;
    }
    let (server, own, other) = server("127.0.0.1");
    let url = format!("rediss://:{PASSWORD}@{}", server.address());
    let options = |root: &PathBuf| format!("deadline_ms=4000&connect_ms=500&ca={}", root.display());
    let redis = open(&url, &options(&own)).await;
    redis.store().prepare(&[&HERO], Migrate::Auto).await.unwrap();

    let error = open(&url, &options(&other)).await.store().probe().await.unwrap_err();
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
    let (server, own, _) = server("redis.example");
    let url = format!(
        "rediss://:{PASSWORD}@{}?deadline_ms=4000&connect_ms=500&ca={}",
        server.address(),
        own.display()
    );
    let settings = Settings::parse(&url).unwrap();
    let redis = RedisClient::connect(&Env::real(), settings).await.unwrap();
    let error = redis.store().probe().await.unwrap_err();
    assert!(error.message.contains("not valid for name"), "{error}");
}
