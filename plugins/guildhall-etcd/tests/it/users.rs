//! Servers with authentication.

use std::time::Duration;

use guildhall_core::discovery::Discovery as _;
use guildhall_core::leases::{LeaseErrorKind, Leases as _};
use servers::{PASSWORD, Recipe, Server};

use crate::ground::{acquire, holder, node, on_each_version, seams, session};
use crate::json::{base64, post};

on_each_version! {
    a_user_reaches_its_prefix_alone_and_goes_on_after_a_restart
}

const TTL: Duration = Duration::from_secs(60);

/// A server where user `game` may use what begins with `game`, and nobody else anything.
fn server_with_users(version: &'static Recipe) -> Server {
    let mut server = Server::new(version);
    server.start();
    let (key, end) = (base64(b"game"), base64(b"gamf"));
    let perm = format!(r#"{{"permType":"READWRITE","key":"{key}","range_end":"{end}"}}"#);
    for (path, body) in [
        ("user/add", format!(r#"{{"name":"root","password":"{PASSWORD}"}}"#)),
        ("role/add", r#"{"name":"root"}"#.to_owned()),
        ("user/grant", r#"{"user":"root","role":"root"}"#.to_owned()),
        ("user/add", format!(r#"{{"name":"game","password":"{PASSWORD}"}}"#)),
        ("role/add", r#"{"name":"game"}"#.to_owned()),
        ("role/grant", format!(r#"{{"name":"game","perm":{perm}}}"#)),
        ("user/grant", r#"{"user":"game","role":"game"}"#.to_owned()),
        ("enable", "{}".to_owned()),
    ] {
        post(&server, &format!("/v3/auth/{path}"), &body);
    }
    server
}

async fn a_user_reaches_its_prefix_alone_and_goes_on_after_a_restart(version: &'static Recipe) {
    let mut server = server_with_users(version);
    let place = |user: &str| format!("{user}@{}", server.address());
    let mine = place(&format!("game:{PASSWORD}"));
    let seams_of_game = seams(&mine, "game", "deadline_ms=30000");
    let session = session(seams_of_game.leases, 1, TTL).await;
    acquire(&session, "role/1").await.unwrap();
    let mut watch = seams_of_game.discovery.watch().await.unwrap();
    seams_of_game.discovery.register(&node(1, 0), TTL).await.unwrap();
    watch.recv().await.unwrap();

    for (user, why) in [
        ("game:hush-hush@", "authentication failed"),
        ("nobody:hush-hush@", "authentication failed"),
        ("", "user name is empty"),
    ] {
        let leases =
            seams(&format!("{user}{}", server.address()), "game", "deadline_ms=8000").leases;
        let error = leases.open(&holder(1), None, TTL).await.unwrap_err();
        assert_eq!(error.kind, LeaseErrorKind::Unavailable);
        let said = error.to_string();
        assert!(said.contains(why) && !said.contains("hush"), "{said}");
    }
    let elsewhere = seams(&mine, "other", "deadline_ms=8000").leases;
    let error = elsewhere.open(&holder(1), None, TTL).await.unwrap_err();
    assert!(error.to_string().contains("permission denied"), "{error}");

    // Tokens are in the memory of the server.
    server.kill();
    server.start();
    let renewed = async {
        while session.keep_alive().await.is_err() {}
        while acquire(&session, "role/1").await.is_err() {}
    };
    crate::ground::within(Duration::from_secs(30), "a renewal after the restart", renewed).await;
}
