//! `app.config`: settings of an app as the value of a key.

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::{BoxFuture, Config, Env, StartError};
use guildhall_etcd::Etcd;
use guildhall_runtime::{App, RunningApp};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use servers::{Proxy, Recipe, Server, shared};

use crate::ground::{fresh_prefix, on_each_version, within};
use crate::json::{base64, post};

on_each_version! {
    an_app_has_the_settings_of_its_document_and_those_that_change_at_a_reload
    a_document_that_makes_no_sense_keeps_an_app_from_starting_and_says_why
    without_a_server_that_answers_an_app_with_a_document_does_not_start
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Shop {
    items: u32,
    owner: String,
}

fn put(server: &Server, key: &str, document: &[u8]) {
    let (key, value) = (base64(key.as_bytes()), base64(document));
    post(server, "/v3/kv/put", &format!(r#"{{"key":"{key}","value":"{value}"}}"#));
}

/// An app with the document at that address, whose section `[shop]` may change at a reload.
fn app(address: &str, key: &str) -> (App, Arc<Mutex<Shop>>) {
    let url = format!("etcd://game:hush-hush@{address}/{key}?deadline_ms=3000");
    let config = Config::builder().set("app.config", url).preset("shop.items", 1);
    let config = config.flag("shop.owner=flag").build().unwrap();
    let shop = Arc::<Mutex<Shop>>::default();
    let shown = Arc::clone(&shop);
    let app = App::with(config).plugin(Etcd).reload_section("shop", move |config| {
        let (read, shown): (Shop, _) = (config.section("shop")?, Arc::clone(&shown));
        Ok::<_, guildhall_core::config::ConfigError>(move || *shown.lock() = read)
    });
    (app, shop)
}

fn started(app: App) -> BoxFuture<'static, Result<RunningApp, StartError>> {
    Box::pin(within(Duration::from_secs(60), "a start, or an error", app.start()))
}

async fn an_app_has_the_settings_of_its_document_and_those_that_change_at_a_reload(
    version: &'static Recipe,
) {
    let mut server = Server::new(version);
    server.start();
    put(
        &server,
        "game/demo.toml",
        b"[app]\nid = 'dev.w1.shop.7'\n[shop]\nitems = 2\nowner = 'document'",
    );
    let (app, shop) = app(&server.address(), "game/demo.toml");
    let app = started(app).await.unwrap();
    let is = |items| assert_eq!(*shop.lock(), Shop { items, owner: "flag".into() });
    is(2);
    assert_eq!(app.cx().app_id().to_string(), "dev.w1.shop.7");

    put(&server, "game/demo.toml", b"[app]\nid = 'dev.w1.shop.8'\n[shop]\nitems = 3");
    let reloaded = app.reload().await.unwrap();
    assert_eq!(reloaded.changed, ["shop.items"]);
    assert_eq!(reloaded.needs_restart, ["app.id"]);
    is(3);
    for wrong in [&b"[shop]\nitems = "[..], b"[shop]\nitem = 4", b"[shup]\nitems = 4"] {
        put(&server, "game/demo.toml", wrong);
        let error = app.reload().await.unwrap_err().to_string();
        assert!(
            error.contains("nothing was reloaded") && error.contains("/game/demo.toml"),
            "{error}"
        );
        is(3);
    }
    server.kill();
    let error = app.reload().await.unwrap_err().to_string();
    assert!(error.contains("3000 ms") && !error.contains("hush"), "{error}");
    is(3);
    app.shutdown().await;
}

async fn a_document_that_makes_no_sense_keeps_an_app_from_starting_and_says_why(
    version: &'static Recipe,
) {
    let (server, prefix) = (shared(version), fresh_prefix());
    let large = vec![b'#'; (1 << 20) + 1];
    for (n, (document, why)) in [
        (&b"[shop]\nowner = '\xff hush'"[..], "not UTF-8"),
        (&large, "1048577 bytes"),
        (b"\0hush", "not TOML: line 1"),
        (b"[shop]\nowner = hush", "not TOML: line 2"),
        (b"[app]\nwieght = 1", "`app.wieght` in etcd://127.0.0.1"),
        (b"[shap]\nitems = 1", "`shap` in etcd://127.0.0.1"),
        (b"[shop]\nitems = 'hush'", "an integer"),
        (b"[app]\nconfig = 'etcd://u:hush@h/k'", "cannot name another"),
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("{prefix}/{n}");
        put(server, &key, document);
        let error = started(app(&server.address(), &key).0).await.unwrap_err().to_string();
        assert!(error.contains(why) && error.contains(&key), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }
    let missing = format!("{prefix}/none");
    let address = server.address();
    let (of_start, of_run) = (app(&address, &missing).0, app(&address, &missing).0);
    let env = Env::real();
    let of_run = env.blocking(|| of_run.run().unwrap_err());
    for error in [started(of_start).await.unwrap_err(), of_run.await.unwrap()] {
        assert_eq!(error.key(), Some("app.config"));
        let said = error.to_string();
        let place = format!("app.config: backend `etcd://{address}/{missing}`: there is no key");
        assert!(said.contains(&place) && !said.contains("hush"), "{said}");
    }
}

async fn without_a_server_that_answers_an_app_with_a_document_does_not_start(
    version: &'static Recipe,
) {
    let silent = Proxy::to(shared(version).address());
    silent.set_silent(true);
    for address in ["127.0.0.1:1".to_owned(), silent.address()] {
        let error = started(app(&address, "game.toml").0).await.unwrap_err();
        assert_eq!(error.key(), Some("app.config"));
        let said = error.to_string();
        let place = format!("etcd://{address}/game.toml");
        assert!(said.contains(&place) && said.contains("3000 ms"), "{said}");
        assert!(!said.contains("hush"), "{said}");
    }
}
