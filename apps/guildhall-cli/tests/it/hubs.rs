//! A cluster whose apps find each other by a hub.

use std::time::Duration;

use guildhall::{App, Config, Env, RunningApp};
use guildhall_hub_server::Hub;

use crate::world::{app_at, visit};

/// Longer than it takes.
const WITHIN: Duration = Duration::from_secs(20);

/// A hub with its data in `folder`, and its URL.
pub(crate) async fn hub(folder: &tempfile::TempDir) -> (RunningApp, String) {
    let config = Config::builder()
        .set("app.id", "dev.w1.hub.1")
        .set("link.listen", "127.0.0.1:0")
        .set("link.secret", "among us")
        .set("hub.data", folder.path().display().to_string());
    let app = App::with(config.build().unwrap()).component(Hub::default());
    let app = Box::pin(app.start()).await.unwrap();
    let url = format!("hub://{}", app.link_addr().unwrap());
    (app, url)
}

#[tokio::test]
async fn a_hub_tells_which_apps_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let (_hub, url) = hub(&folder).await;
    let (one, _) = app_at("dev.w1.all.1", &url).await;
    let (two, _) = app_at("dev.w1.all.2", &url).await;
    let linked = async {
        for app in [&one, &two] {
            let mut changes = app.cx().mesh_changes();
            while app.cx().nodes().len() < 2 {
                changes.changed().await;
            }
        }
    };
    let env = Env::real();
    env.until(env.now() + WITHIN, linked).await.expect("they find each other");
    let ls = ["ls", "apps", "--discovery", &url, "--secret", "among us"];
    let (code, out, err) = visit(&ls).await;
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("dev.w1.all.1") && out.contains("dev.w1.all.2"), "{out}");
    assert_eq!(out.lines().count(), 3, "a head and two apps:\n{out}");

    let wrong = ["ls", "--discovery", &url, "--secret", "wrong", "--wait", "1"];
    let (code, _, err) = visit(&wrong).await;
    assert!(
        code == 1 && err.contains("said nothing within 1 s") && err.contains("secret"),
        "{err}"
    );
}

#[tokio::test]
async fn status_shows_which_backend_serves_which_seam_and_whether_it_answers() {
    let folder = tempfile::tempdir().unwrap();
    let (hub, url) = hub(&folder).await;
    let (_one, address) = app_at("dev.w1.all.1", &url).await;
    let status = async |more: &[&str]| {
        let args = [&["status", "--backends", "--secret", "among us"], more].concat();
        let (code, out, err) = visit(&args).await;
        assert_eq!((code, err.as_str()), (0, ""));
        out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    let lines: Vec<String> = status(&["--discovery", &url]).await;
    assert_eq!(lines[0], "SEAM BACKEND HEALTH ANSWERED APPS");
    for seam in ["broker", "discovery", "leases", "queue"] {
        let begin = format!("{seam} {url} ok ");
        let found = lines.iter().any(|line| line.starts_with(&begin) && line.ends_with("all.1"));
        assert!(found, "no `{begin}` in {lines:?}");
    }
    let store = "store memory: in memory dev.w1.all.1".to_owned();
    assert!(lines.contains(&store), "{lines:?}");

    hub.shutdown().await;
    let out = async {
        loop {
            let lines: Vec<String> = status(&["--app", &address]).await;
            let begin = format!("leases {url} unreachable for ");
            if lines.iter().any(|line| line.starts_with(&begin)) {
                return;
            }
        }
    };
    let env = Env::real();
    env.until(env.now() + WITHIN, out).await.expect("the outage is shown");
}
