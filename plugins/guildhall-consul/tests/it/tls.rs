//! TLS: which agents are taken.

use std::time::Duration;

use guildhall_consul::{ConsulDiscovery, Settings};
use guildhall_core::Env;
use guildhall_core::discovery::Discovery as _;
use servers::{CONSUL, Certificates, Server, has_to_prove_itself};

use crate::ground::{node, runs};

const TTL: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread")]
async fn with_consuls_the_agent_has_to_prove_who_it_is() {
    if !runs("tls::with_consuls_the_agent_has_to_prove_who_it_is") {
        return;
    }
    let server = Server::new(&CONSUL);
    let certificates = Certificates::write(server.folder(), "127.0.0.1");
    let address = server.address();
    let (_, port) = address.split_once(':').unwrap();
    let file = server.folder().join("tls.json");
    let settings = format!(
        r#"{{"ports": {{"http": -1, "https": {port}}}, "cert_file": "{}", "key_file": "{}"}}"#,
        certificates.certificate.display(),
        certificates.key.display()
    );
    std::fs::write(&file, settings).unwrap();
    let mut server = server.with(&format!("-config-file {}", file.display()));
    server.start();
    let plain = server.url();
    let encrypted = plain.replace("consul:", "consuls:");
    let env = Env::real();
    has_to_prove_itself(&certificates, (&encrypted, &plain), async |url| {
        let join = if url.contains('?') { '&' } else { '?' };
        let settings = Settings::parse(&format!("{url}{join}deadline_ms=8000")).unwrap();
        let discovery = ConsulDiscovery::new(&env, settings, "test");
        loop {
            match discovery.register(&node(1, 0), TTL).await.map_err(|error| error.to_string()) {
                // It has just started.
                Err(error) if error.contains("leader") => env.sleep(PAUSE).await,
                answer => return answer,
            }
        }
    })
    .await;
}
