//! Links under mutual TLS.

use std::path::Path;

use guildhall::config::ConfigBuilder;
use guildhall::{App, Config, RunningApp};
use proto::hello::{Greeter, GreeterServer, HelloReq, HelloRsp};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};

use crate::world::{linked, say};

/// An authority, and the folder where what it issues lies.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    dir: tempfile::TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let ca = params.self_signed(&key).unwrap();
        std::fs::write(dir.path().join("ca.pem"), ca.pem()).unwrap();
        Self { issuer: Issuer::new(params, key), dir }
    }

    fn path(&self, file: &str) -> String {
        self.dir.path().join(file).display().to_string()
    }

    /// Issues a certificate with one URI; `days` from now on, or back.
    fn issue(&self, name: &str, uri: &str, expired: bool) {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
        if expired {
            params.not_before = rcgen::date_time_ymd(2001, 1, 1);
            params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let write = |file: String, text: String| std::fs::write(self.path(&file), text).unwrap();
        write(format!("{name}.pem"), certificate.pem());
        write(format!("{name}.key"), key.serialize_pem());
    }

    fn config(&self, id: &str, name: &str, listen: &str) -> ConfigBuilder {
        Config::builder()
            .set("app.id", id)
            .set("link.listen", listen)
            .set("link.redial_ms", 5)
            .set("link.tls_cert", self.path(&format!("{name}.pem")))
            .set("link.tls_key", self.path(&format!("{name}.key")))
            .set("link.tls_ca", self.path("ca.pem"))
    }
}

struct Plain;

impl Greeter for Plain {
    async fn say(&self, _cx: &guildhall::Cx, req: HelloReq) -> Result<HelloRsp, guildhall::Status> {
        Ok(HelloRsp { text: format!("hello, {}", req.name) })
    }
}

async fn serve(config: ConfigBuilder) -> RunningApp {
    let app = App::with(config.build().unwrap()).serve(GreeterServer::new(Plain));
    app.start().await.unwrap()
}

async fn call(config: ConfigBuilder, server: &RunningApp) -> RunningApp {
    let list = format!("static:{}", server.link_addr().unwrap());
    App::with(config.set("app.discovery", list).build().unwrap()).start().await.unwrap()
}

/// Dials again and again for a while: the link must not come.
async fn stays_alone(app: &RunningApp) {
    for _ in 0..20 {
        app.cx().env().sleep(std::time::Duration::from_millis(10)).await;
        assert_eq!(app.cx().nodes().len(), 1);
    }
}

#[tokio::test]
async fn links_work_under_mutual_tls_without_a_secret() {
    let authority = Authority::new();
    authority.issue("greeter", "guildhall://dev/w1/greeter", false);
    authority.issue("caller", "guildhall://dev/w1/caller", false);
    // Outside loopback: an app with TLS may listen there.
    let server = authority.config("dev.w1.greeter.1", "greeter", "0.0.0.0:0");
    let server = serve(server.set("link.advertise", "127.0.0.1")).await;
    let port = server.link_addr().unwrap().port();
    let list = format!("static:127.0.0.1:{port}");
    let config = authority.config("dev.w1.caller.7", "caller", "").set("app.discovery", list);
    let caller = App::with(config.build().unwrap()).start().await.unwrap();
    linked(&caller).await;
    // Large ones, so that ciphertext has to wait for its socket.
    let name = "x".repeat(3 << 20);
    let (cx, other) = (caller.cx(), caller.cx());
    let (one, two) = tokio::join!(say(&cx, &name), say(&other, &name));
    assert_eq!((one.unwrap().len(), two.unwrap().len()), (name.len() + 7, name.len() + 7));
    caller.shutdown().await;
    server.shutdown().await;
}

#[tokio::test]
async fn a_certificate_speaks_for_the_func_that_it_names_and_no_other() {
    let authority = Authority::new();
    authority.issue("greeter", "guildhall://dev/w1/greeter", false);
    authority.issue("caller", "guildhall://dev/w1/caller", false);
    let server = serve(authority.config("dev.w1.greeter.1", "greeter", "127.0.0.1:0")).await;
    let forged = call(authority.config("dev.w1.gate.1", "caller", ""), &server).await;
    stays_alone(&forged).await;
}

#[tokio::test]
async fn certificates_of_another_authority_and_expired_ones_are_refused() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    ours.issue("greeter", "guildhall://dev/w1/greeter", false);
    theirs.issue("caller", "guildhall://dev/w1/caller", false);
    ours.issue("late", "guildhall://dev/w1/caller", true);
    let server = serve(ours.config("dev.w1.greeter.1", "greeter", "127.0.0.1:0")).await;
    let stranger = call(theirs.config("dev.w1.caller.1", "caller", ""), &server).await;
    let late = call(ours.config("dev.w1.caller.2", "late", ""), &server).await;
    let plain = Config::builder().set("app.id", "dev.w1.caller.3").set("link.redial_ms", 5);
    let plain = call(plain, &server).await;
    stays_alone(&stranger).await;
    stays_alone(&late).await;
    stays_alone(&plain).await;
}

#[tokio::test]
async fn a_certificate_that_is_missing_or_unreadable_is_a_start_error_that_names_it() {
    let authority = Authority::new();
    authority.issue("greeter", "guildhall://dev/w1/greeter", false);
    let start = |config: ConfigBuilder| async {
        let app = App::with(config.build().unwrap()).start().await;
        app.expect_err("it does not start").to_string()
    };
    let config = || authority.config("dev.w1.greeter.1", "greeter", "127.0.0.1:0");
    let missing = start(config().set("link.tls_cert", authority.path("nobody.pem"))).await;
    assert!(missing.contains("link.tls_cert") && missing.contains("nobody.pem"), "{missing}");
    let none = start(config().set("link.tls_key", "")).await;
    assert!(none.contains("link.tls_key is empty"), "{none}");
    std::fs::write(Path::new(&authority.path("bad.pem")), "no certificate").unwrap();
    let bad = start(config().set("link.tls_ca", authority.path("bad.pem"))).await;
    assert!(bad.contains("link.tls_ca") && bad.contains("bad.pem"), "{bad}");
}
