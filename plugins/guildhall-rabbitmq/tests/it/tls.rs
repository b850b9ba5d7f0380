//! TLS: which nodes are taken.

use guildhall_core::broker::Broker as _;
use servers::{Certificates, RABBITMQ, Server, has_to_prove_itself};

use crate::ground::{is_there, open};

#[tokio::test(flavor = "multi_thread")]
async fn with_amqps_the_server_has_to_prove_who_it_is() {
    if !is_there("tls::with_amqps_the_server_has_to_prove_who_it_is") {
        return;
    }
    let mut server = Server::new(&RABBITMQ);
    let certificates = Certificates::write(server.folder(), "127.0.0.1");
    let settings = server.folder().join("rabbitmq.conf");
    let plain = std::fs::read_to_string(&settings).unwrap();
    let encrypted = plain.replace("listeners.tcp.1", "listeners.tcp = none\nlisteners.ssl.1");
    let encrypted = format!(
        "{encrypted}ssl_options.certfile = {}\nssl_options.keyfile = {}\n",
        certificates.certificate.display(),
        certificates.key.display()
    );
    std::fs::write(&settings, encrypted).unwrap();
    server.start();
    let plain = server.url();
    let encrypted = plain.replace("amqp:", "amqps:");
    has_to_prove_itself(&certificates, (&encrypted, &plain), async |url| {
        let join = if url.contains('?') { '&' } else { '?' };
        let (broker, _queue) = open(&format!("{url}{join}deadline_ms=20000"));
        broker.subscribe("greetings", 16).await.map(drop).map_err(|error| error.to_string())
    })
    .await;
}
