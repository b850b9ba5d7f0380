//! TLS: what each `sslmode` takes from a server and what it refuses.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use guildhall_core::store::{Migrate, Store as _, StoreError};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use servers::{POSTGRES, Server};

use crate::ground::{HERO, is_there, open, url};

/// A server with TLS, whose certificate is for `db.example`, and the file of the root that it stems from and of one that it does not.
fn server(tls_only: bool) -> (Server, PathBuf, PathBuf) {
    let server = Server::new(&POSTGRES);
    let folder = server.folder().to_owned();
    let root = || {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        (pem, Issuer::new(params, key))
    };
    let ((own, issuer), (other, _)) = (root(), root());
    let key = KeyPair::generate().unwrap();
    let names = CertificateParams::new(vec!["db.example".to_owned()]).unwrap();
    write(&folder, "server.crt", &names.signed_by(&key, &issuer).unwrap().pem());
    write(&folder, "server.key", &key.serialize_pem());
    if tls_only {
        let hba = "hostssl all all all scram-sha-256\n";
        write(&folder, "data/pg_hba.conf", hba);
    }
    let (own, other) = (write(&folder, "own.pem", &own), write(&folder, "other.pem", &other));
    let arguments = format!(
        "-c ssl=on -c ssl_cert_file={0}/server.crt -c ssl_key_file={0}/server.key",
        folder.display()
    );
    let mut server = server.with(&arguments);
    server.start();
    (server, own, other)
}

/// For the server's user alone.
fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let (path, owner) = (folder.join(name), folder.metadata().unwrap());
    std::fs::write(&path, text).unwrap();
    chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
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
    let (server, own, other) = server(true);
    let (own, other) = (own.display(), other.display());
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
