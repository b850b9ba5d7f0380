//! TLS: which members are taken.

use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::discovery::Discovery as _;
use guildhall_etcd::{EtcdSeams, Settings};
use servers::{Certificates, Recipe, Server, has_to_prove_itself};

use crate::ground::{node, on_each_version};

const TTL: Duration = Duration::from_secs(60);

on_each_version! { with_etcds_the_server_has_to_prove_who_it_is }

async fn with_etcds_the_server_has_to_prove_who_it_is(version: &'static Recipe) {
    let server = Server::new(version);
    let certificates = Certificates::write(server.folder(), "127.0.0.1");
    let arguments = format!(
        "--listen-client-urls https://{0} --advertise-client-urls https://{0} --cert-file {1} --key-file {2}",
        server.address(),
        certificates.certificate.display(),
        certificates.key.display()
    );
    let mut server = server.with(&arguments);
    server.start();
    let plain = server.url();
    let encrypted = plain.replace("etcd:", "etcds:");
    has_to_prove_itself(&certificates, (&encrypted, &plain), async |url| {
        let join = if url.contains('?') { '&' } else { '?' };
        let settings = Settings::parse(&format!("{url}{join}deadline_ms=8000")).unwrap();
        let discovery = EtcdSeams::new(&Env::real(), settings, "test").discovery;
        discovery.register(&node(1, 0), TTL).await.map_err(|error| error.to_string())
    })
    .await;
}
