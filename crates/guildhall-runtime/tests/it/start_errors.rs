//! What a program can tell of an app that does not start.

use std::error::Error as _;

use guildhall::{App, Config, StartError, StartErrorKind as Kind};
use proto::room::RoomServer;

use crate::rooms::TestRoom;

async fn failed(flags: &[&str], with: impl FnOnce(App) -> App) -> StartError {
    let config = flags.iter().fold(Config::builder(), |config, flag| config.flag(flag));
    let app = with(App::with(config.build().unwrap()));
    app.start().await.map(drop).expect_err(&format!("an app starts with {flags:?}"))
}

#[tokio::test(start_paused = true)]
async fn a_start_error_has_a_kind_and_the_key_of_the_setting_that_is_wrong() {
    for (flag, kind, key) in [
        ("link.listn=127.0.0.1:0", Kind::Setting, "link.listn"),
        ("link.links_per_peer=0", Kind::Setting, "link.links_per_peer"),
        ("app.id=one", Kind::Setting, "app.id"),
        ("actor.room.timerz=1", Kind::Setting, "actor.room.timerz"),
        ("link.listen=nowhere", Kind::Listen, "link.listen"),
        ("app.broker=paper:shelf", Kind::Backend, "app.broker"),
        ("app.discovery=static:nobody", Kind::Backend, "app.discovery"),
    ] {
        let error = failed(&[flag], |app| app.actor::<TestRoom>(RoomServer)).await;
        assert_eq!((error.kind(), error.key()), (kind, Some(key)), "{flag}: {error}");
        assert!(error.to_string().contains(key), "{error}");
    }
    let twice = |app: App| app.actor::<TestRoom>(RoomServer).actor::<TestRoom>(RoomServer);
    let error = failed(&[], twice).await;
    assert_eq!((error.kind(), error.key()), (Kind::Program, None), "{error}");
}

#[derive(Debug, thiserror::Error)]
#[error("map {0} is torn")]
struct Torn(u32);

#[tokio::test(start_paused = true)]
async fn the_source_of_a_start_error_is_what_a_hook_returned() {
    let error = failed(&[], |app| app.on_start(async |_| Err(Torn(7).into()))).await;
    assert_eq!(error.kind(), Kind::Game, "{error}");
    let torn = error.source().and_then(|source| source.downcast_ref::<Torn>());
    assert_eq!(torn.map(|torn| torn.0), Some(7), "{error}");
    assert!(error.to_string().contains("map 7 is torn"), "{error}");
}
