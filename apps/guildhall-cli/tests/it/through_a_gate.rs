//! `guildhall call --gate`: as a player's client.

use std::time::Duration;

use guildhall::gate::{Authenticate, Gate, Identity, SessionActor, SessionServer};
use guildhall::{App, Config, Status};
use proto::hello::GreeterServer;
use servers::Certificates;

use crate::world::{Hello, visit};

struct Everybody;

impl Authenticate for Everybody {
    fn authenticate(&self, token: &str, _wall: Duration) -> Result<Identity, Status> {
        Ok(Identity { account: token.to_owned(), ..Identity::default() })
    }
}

#[tokio::test]
async fn a_call_through_a_gate_is_a_players() {
    let gate = Gate::new().authenticate(Everybody);
    let config = Config::builder()
        .set("gate.websocket", "127.0.0.1:0")
        .set("link.listen", "127.0.0.1:0")
        .set("link.secret", "among us");
    let app = App::with(config.build().unwrap())
        .serve(GreeterServer::new(Hello("gate")))
        .component(gate.clone());
    let app = app.actor::<SessionActor>(SessionServer).start().await.unwrap();
    let url = format!("ws://{}", gate.websocket_addr().unwrap());
    let call = async |method: &str, body: &str| {
        visit(&["call", method, body, "--gate", &url, "--token", "ann"]).await
    };
    let (code, out, err) = call("hello.Greeter/Say", r#"{"name":"ann"}"#).await;
    assert_eq!((code, out.as_str()), (0, "{\n  \"text\": \"hello, ann of gate\"\n}\n"), "{err}");
    let (code, _, err) = call("hello.Greeter/Say", r#"{"name":"nobody"}"#).await;
    assert!(code == 1 && err.contains("NOT_FOUND: nobody is here") && err.contains("Ran"), "{err}");
    let (code, _, err) = call("guildhall.runtime.Node/Services", "{}").await;
    assert!(code == 1 && err.contains("effect  NotRun"), "{err}");

    // A gate does not tell which methods there are; apps do.
    let (code, _, err) = call("Greeter/Say", "{}").await;
    assert!(code == 1 && err.contains("write package.Service/Method"), "{err}");
    let link = app.link_addr().unwrap().to_string();
    let known = async |method: &str| {
        let gate = ["call", method, r#"{"name":"ann"}"#, "--gate", &url, "--token", "ann"];
        visit(&[&gate[..], &["--app", &link, "--secret", "among us"]].concat()).await
    };
    let (code, out, err) = known("Greeter/Say").await;
    assert_eq!((code, out.as_str()), (0, "{\n  \"text\": \"hello, ann of gate\"\n}\n"), "{err}");
    let (code, _, err) = known("Greeter/Sya").await;
    assert!(code == 1 && err.contains("did you mean `Greeter/Say`?"), "{err}");
}

#[tokio::test]
async fn a_gate_with_tls_has_to_prove_itself() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::write(folder.path(), "127.0.0.1");
    let gate = Gate::new().authenticate(Everybody);
    let config = Config::builder()
        .set("gate.websocket", "127.0.0.1:0")
        .set("gate.tls_cert", certificates.certificate.to_str().unwrap())
        .set("gate.tls_key", certificates.key.to_str().unwrap());
    let app = App::with(config.build().unwrap())
        .serve(GreeterServer::new(Hello("gate")))
        .component(gate.clone());
    let _app = app.actor::<SessionActor>(SessionServer).start().await.unwrap();
    let (plain, url) =
        ["ws", "wss"].map(|scheme| format!("{scheme}://{}", gate.websocket_addr().unwrap())).into();
    let call = async |url: &str, more: &[&str]| {
        let call = ["call", "hello.Greeter/Say", r#"{"name":"ann"}"#, "--gate", url];
        visit(&[&call[..], &["--token", "ann", "--timeout", "5"], more].concat()).await
    };
    let [root, other] =
        [&certificates.root, &certificates.other_root].map(|it| it.to_str().unwrap());
    let (code, out, err) = call(&url, &["--ca", root]).await;
    assert_eq!((code, out.as_str()), (0, "{\n  \"text\": \"hello, ann of gate\"\n}\n"), "{err}");
    for (url, more, wanted) in [
        (&url, &["--ca", other][..], "invalid peer certificate"),
        (&url, &[], "needs --ca FILE"),
        (&plain, &["--ca", root], "--ca is for TLS"),
        (&plain, &[], "is no WebSocket of a gate"),
    ] {
        let (code, _, err) = call(url, more).await;
        assert!(code != 0 && err.contains(wanted), "{url} {more:?}: {err}");
    }
}
