//! Gates with TLS: who is let in, and certificates that change.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use guildhall::discovery::memory::MemoryDiscovery;
use guildhall::{App, Env, Status};
use guildhall_client::{Client, ConnectError, Events, Options};
use guildhall_gate::Gate;
use proto::room::DirectoryClient;
use servers::Certificates;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::clients::soon;
use crate::world::{Trusting, World, config, find, started};

async fn world(certificates: &Certificates) -> World {
    let config = config("dev.w1.home.1")
        .set("gate.tls_cert", certificates.certificate.to_str().unwrap())
        .set("gate.tls_key", certificates.key.to_str().unwrap())
        .set("gate.tls_reload_ms", 1_000)
        .set("gate.handshake_ms", 500);
    started(config, &Arc::new(MemoryDiscovery::new(Env::real()))).await
}

fn addresses(world: &World) -> [String; 2] {
    [format!("tls://{}", world.tcp()), format!("wss://{}/", world.ws())]
}

async fn connect(address: &str, root: &Path) -> Result<(Client, Events), ConnectError> {
    connect_as("bob", address, root).await
}

async fn connect_as(
    player: &str,
    address: &str,
    root: &Path,
) -> Result<(Client, Events), ConnectError> {
    let options =
        Options { ca: root.to_str().unwrap().to_owned(), attempts_max: 0, ..Options::default() };
    Client::connect(&Env::real(), address, player, options).await
}

async fn ask(client: &Client) -> Result<String, Status> {
    Ok(client.call(DirectoryClient::FIND, find("me")).await?.app)
}

/// Asks until the gate knows the method.
async fn is_served(client: &Client) {
    let env = Env::real();
    soon("an answer", async {
        while ask(client).await.is_err() {
            env.sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn clients_that_believe_the_certificate_are_served_over_both_transports() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::write(folder.path(), "127.0.0.1");
    let world = world(&certificates).await;
    for address in addresses(&world) {
        let (client, _events) = connect(&address, &certificates.root).await.unwrap();
        is_served(&client).await;
        client.close().await;
        let why = connect(&address, &certificates.other_root).await.unwrap_err().to_string();
        assert!(why.contains("invalid peer certificate"), "{why}");
        let other = address.replace("127.0.0.1", "localhost");
        let why = connect(&other, &certificates.root).await.unwrap_err().to_string();
        assert!(why.contains("not valid for name"), "{why}");
        let why = connect(&address, Path::new("")).await.unwrap_err().to_string();
        assert!(why.contains("needs Options::ca"), "{why}");
    }
}

#[tokio::test]
async fn clients_without_tls_are_cut_and_take_nothing_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::write(folder.path(), "127.0.0.1");
    let world = world(&certificates).await;
    let places = [("tcp", world.tcp()), ("ws", world.ws())];
    for (scheme, at) in places {
        let options = Options { attempts_max: 0, ..Options::default() };
        let (env, plain) = (Env::real(), format!("{scheme}://{at}/"));
        let ended = soon("an end", Client::connect(&env, &plain, "bob", options)).await;
        let why = ended.unwrap_err();
        assert!(matches!(why, ConnectError::Lost(_) | ConnectError::Unreachable(_)), "{why}");
        // The start of a hello, and then nothing; one that promises more than there may be; and noise.
        for bytes in [&[22, 3, 1][..], &[22, 3, 1, 255, 255], &[0; 2048], &[255; 70_000]] {
            let mut socket = tokio::net::TcpStream::connect(at).await.unwrap();
            let _cut = socket.write_all(bytes).await;
            let mut said = Vec::new();
            let _cut = soon("an end", socket.read_to_end(&mut said)).await;
            assert!(said.len() < 100, "an alert at most: {said:?}");
        }
    }
    let (client, _events) = connect(&addresses(&world)[0], &certificates.root).await.unwrap();
    is_served(&client).await;
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_new_connections_and_those_that_are_there_stay() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::write(folder.path(), "127.0.0.1");
    let world = world(&certificates).await;
    let [address, _] = addresses(&world);
    let (client, _events) = connect_as("ann", &address, &certificates.root).await.unwrap();
    is_served(&client).await;

    // The certificate comes before its key, as where they are copied one by one.
    let next = tempfile::tempdir().unwrap();
    let next = Certificates::write(next.path(), "127.0.0.1");
    std::fs::copy(&next.certificate, &certificates.certificate).unwrap();
    let env = Env::real();
    env.sleep(Duration::from_millis(1_500)).await;
    assert!(connect(&address, &certificates.root).await.is_ok(), "a pair that does not fit");
    std::fs::copy(&next.key, &certificates.key).unwrap();
    soon("the new certificate", async {
        while connect(&address, &next.root).await.is_err() {
            env.sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert!(connect(&address, &certificates.root).await.is_err(), "the one before is not shown");
    assert_eq!(ask(&client).await.unwrap(), "me", "who was there stays");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_an_error_at_the_start_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| {
        let folder = folder.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        Certificates::write(&folder, "127.0.0.1")
    });
    let [cert, key] = [&one.certificate, &one.key].map(|path| path.to_str().unwrap());
    let other = two.key.to_str().unwrap();
    let long = folder.path().join("long.pem");
    std::fs::File::create(&long).unwrap().set_len(5 << 20).unwrap();
    let cases = [
        (cert, "", 60_000, "gate.tls_key is empty"),
        ("", key, 60_000, "gate.tls_cert is empty"),
        ("/nowhere.pem", key, 60_000, "gate.tls_cert = \"/nowhere.pem\""),
        (key, key, 60_000, "it has no certificate"),
        (cert, cert, 60_000, "write the path of a PEM private key"),
        (cert, other, 60_000, "gate.tls_key"),
        (long.to_str().unwrap(), key, 60_000, "at most"),
        (cert, key, 999, "gate.tls_reload_ms is 999"),
    ];
    for (cert, key, reload, wanted) in cases {
        let config = config("dev.w1.gate.1").set("gate.tls_cert", cert).set("gate.tls_key", key);
        let config = config.set("gate.tls_reload_ms", reload).build().unwrap();
        let gate = Gate::new().authenticate(Trusting);
        match App::with(config).component(gate).start().await {
            Ok(_) => panic!("it starts: {wanted}"),
            Err(error) => assert!(error.to_string().contains(wanted), "{error}"),
        }
    }
}
