//! TLS: what each `sslmode` takes from a server and what it refuses.

use guildhall_core::store::{Migrate, Store as _, StoreError};
use servers::{Certificates, POSTGRES, Server};

use crate::ground::{HERO, is_there, open, url};

/// A server that takes TLS alone, whose certificate is for `db.example`.
fn server() -> (Server, Certificates) {
    let server = Server::new(&POSTGRES);
    let certificates = Certificates::write(server.folder(), "db.example");
    let hba = server.folder().join("data/pg_hba.conf");
    std::fs::write(hba, "hostssl all all all scram-sha-256\n").unwrap();
    let arguments = format!(
        "-c ssl=on -c ssl_cert_file={} -c ssl_key_file={}",
        certificates.certificate.display(),
        certificates.key.display()
    );
    let mut server = server.with(&arguments);
    server.start();
    (server, certificates)
}

async fn connects(server: &Server, options: &str) -> Result<(), StoreError> {
    let url = url(&server.url(), "g", &format!("&deadline_ms=4000&{options}"));
    open(&url).store().prepare(&[&HERO], Migrate::Auto).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_sslmode_takes_what_it_says() {
    if !is_there("tls::each_sslmode_takes_what_it_says") {
        return;
    }
    let (server, certificates) = server();
    let (own, other) = (certificates.root.display(), certificates.other_root.display());
    for good in [
        "sslmode=prefer".to_owned(),
        "sslmode=require".to_owned(),
        format!("sslmode=verify-ca&sslrootcert={own}"),
        format!("sslmode=require&sslrootcert={own}"),
    ] {
        connects(&server, &good).await.unwrap_or_else(|error| panic!("{good}: {error}"));
    }
    for (bad, why) in [
        ("sslmode=disable".to_owned(), "no encryption"),
        (format!("sslmode=verify-ca&sslrootcert={other}"), "invalid peer certificate"),
        (format!("sslmode=require&sslrootcert={other}"), "invalid peer certificate"),
        (format!("sslmode=verify-full&sslrootcert={other}"), "invalid peer certificate"),
        // It is reached by its number.
        (format!("sslmode=verify-full&sslrootcert={own}"), "not valid for name"),
    ] {
        let error = connects(&server, &bad).await.expect_err(&bad).to_string();
        assert!(error.contains(why), "{bad}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_refused_where_it_is_required() {
    if !is_there("tls::a_server_without_tls_is_refused_where_it_is_required") {
        return;
    }
    let server = servers::shared(&POSTGRES);
    let error = connects(server, "sslmode=require").await.unwrap_err().to_string();
    assert!(error.contains("server does not support TLS"), "{error}");
}
