//! Encrypted connections, and what the log says of a server that may lose writes.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use guildhall_core::Env;
use guildhall_core::store::{Store as _, StoreErrorKind};
use guildhall_mysql::{MySqlStore, Settings};
use servers::{MYSQL, Server};
use tracing::field::{Field, Visit};

use crate::ground::{PATIENT, is_there, row, store_on};

/// Writes a certificate for that name with its key, and returns their paths.
fn certificate(folder: &Path, name: &str) -> (String, String) {
    let own = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let path = |end: &str| folder.join(format!("{name}.{end}")).display().to_string();
    let (cert, key) = (path("crt"), path("key"));
    std::fs::write(&cert, own.cert.pem()).unwrap();
    std::fs::write(&key, own.signing_key.serialize_pem()).unwrap();
    (cert, key)
}

#[tokio::test(flavor = "multi_thread")]
async fn with_tls_the_server_has_to_prove_who_it_is() {
    if !is_there("tls::with_tls_the_server_has_to_prove_who_it_is") {
        return;
    }
    let server = Server::new(&MYSQL);
    let (cert, key) = certificate(server.folder(), "localhost");
    let (other, _) = certificate(server.folder(), "example.org");
    let mut server =
        server.with(&format!("--ssl-cert={cert} --ssl-key={key} --require-secure-transport=ON"));
    server.start();
    let read = async |host: &str, options: &str| {
        let url = server.url().replace("127.0.0.1", host);
        let url = format!("{url}?schema=g{options}");
        let store = MySqlStore::new(&Env::real(), Settings::parse(&url).unwrap());
        store.read(&[row("1")]).await
    };
    let trusting = format!("{PATIENT}&tls=on&ca={cert}");
    assert_eq!(read("localhost", &trusting).await, Ok(vec![None]));
    for (host, options, why) in [
        ("localhost", String::new(), "the server wants TLS"),
        ("localhost", "&tls=on".to_owned(), "nobody on the web has signed it"),
        ("localhost", format!("&tls=on&ca={other}"), "another authority"),
        ("127.0.0.1", format!("&tls=on&ca={cert}"), "another name"),
        ("localhost", "&tls=on&ca=/nowhere".to_owned(), "no authorities"),
    ] {
        let error = read(host, &format!("&deadline_ms=2000{options}")).await.expect_err(why);
        assert_eq!(error.kind, StoreErrorKind::Unavailable, "{why}: {error}");
    }
}

/// The warnings of this program, as text.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<String>>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Warnings {
    fn on_event(
        &self,
        event: &tracing::Event<'_>,
        _context: tracing_subscriber::layer::Context<'_, S>,
    ) {
        struct Text(String);
        impl Visit for Text {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                write!(self.0, "{field}={value:?} ").unwrap();
            }
        }
        if *event.metadata().level() == tracing::Level::WARN {
            let mut text = Text(String::new());
            event.record(&mut text);
            self.0.lock().unwrap().push_str(&format!("{}\n", text.0));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_may_lose_acknowledged_writes_is_a_warning_once() {
    use tracing_subscriber::layer::SubscriberExt as _;
    if !is_there("tls::a_server_that_may_lose_acknowledged_writes_is_a_warning_once") {
        return;
    }
    let warnings = Warnings::default();
    let subscriber = tracing_subscriber::registry().with(warnings.clone());
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let mut server = Server::new(&MYSQL).with("--innodb-flush-log-at-trx-commit=2");
    server.start();
    let store = store_on(&server, "g", PATIENT);
    let rows = ["1", "2", "3"].map(row);
    let reads = rows.iter().map(|row| store.read(std::slice::from_ref(row)));
    futures_util::future::try_join_all(reads).await.unwrap();
    let seen = warnings.0.lock().unwrap().clone();
    let address = server.address();
    let of_it: Vec<_> = seen.lines().filter(|line| line.contains(&address)).collect();
    assert_eq!(of_it.len(), 1, "{seen}");
    assert!(of_it[0].contains("acknowledged writes may be lost"), "{}", of_it[0]);
}
