//! `guildhall drain`.

use std::time::Duration;

use guildhall::{Env, RunningApp};

use crate::hubs::hub;
use crate::world::{app, app_at, visit, visit_at};

/// Ends the app when it is asked to, as `App::run` does.
fn obey(app: RunningApp) {
    Env::real().spawn("obey", async move {
        app.drain_asked().await;
        app.shutdown().await;
    });
}

#[tokio::test]
async fn an_app_that_is_told_to_drain_is_waited_for_until_it_is_gone() {
    let ((one, a), (two, b)) = (app("dev.w1.all.1").await, app("dev.w1.all.2").await);
    obey(one);
    let both = format!("{a},{b}");
    let (code, out, err) = visit_at(&both, &["drain", "dev.w1.all.1"]).await;
    assert_eq!((code, err.as_str()), (0, ""));
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "dev.w1.all.1 drains; it has 10s (app.drain_ms)");
    assert!(lines[1].starts_with("dev.w1.all.1 is gone after "), "{out}");
    let (_, out, err) = visit_at(&both, &["ls", "apps"]).await;
    assert!(out.contains("dev.w1.all.2") && err.contains(&a), "{out}{err}");
    two.shutdown().await;
}

#[tokio::test]
async fn a_drained_app_is_gone_from_its_hub_too() {
    let folder = tempfile::tempdir().unwrap();
    let (_hub, url) = hub(&folder).await;
    let (one, _) = app_at("dev.w1.all.1", &url).await;
    obey(one);
    // Its registration is on its way.
    let drained = async {
        loop {
            let drain = ["drain", "dev.w1.all.1", "--discovery", &url, "--secret", "among us"];
            let (code, out, err) = visit(&drain).await;
            match code {
                0 => return out,
                _ => assert!(err.contains("no link") || err.contains("no app"), "{err}"),
            }
        }
    };
    let env = Env::real();
    let out = env.until(env.now() + Duration::from_secs(20), drained).await.unwrap();
    assert!(out.contains("dev.w1.all.1 is gone after "), "{out}");
}

#[tokio::test]
async fn an_app_that_does_not_drain_in_time_is_told_with_what_is_known() {
    let (_deaf, address) = app("dev.w1.all.1").await;
    let (code, out, err) = visit_at(&address, &["drain", "dev.w1.all.1", "--within", "0"]).await;
    assert_eq!((code, out.lines().count()), (1, 1), "{out}");
    assert!(err.contains("dev.w1.all.1 is not gone after "), "{err}");
    assert!(err.contains("takes calls as before") && err.contains("drain_asked"), "{err}");
    let (code, _, err) = visit_at(&address, &["drain", "dev.w1.al.1"]).await;
    assert!(code == 1 && err.contains("did you mean `dev.w1.all.1`?"), "{err}");
}
