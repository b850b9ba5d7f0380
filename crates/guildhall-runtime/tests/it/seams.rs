//! Which backend serves which seam: `app.cluster`, settings of seams, what is left in memory, and whether servers answer.

use std::sync::Arc;
use std::time::Duration;

use guildhall::broker::memory::MemoryBroker;
use guildhall::config::ConfigBuilder;
use guildhall::discovery::memory::MemoryDiscovery;
use guildhall::leases::memory::MemoryLeases;
use guildhall::queue::memory::MemoryQueue;
use guildhall::store::memory::MemoryStore;
use guildhall::{App, BoxFuture, Code, Config, Cx, Plugin, RunningApp, StartErrorKind};
use guildhall_core::backend::Outage;
use guildhall_core::{Backend, BackendError, Opening};
use guildhall_runtime::proto::{BackendInfo, NodeClient};
use parking_lot::Mutex;
use proto::room::RoomServer;
use proto::routing::{DeskClient, TellMsg};

use crate::rooms::TestRoom;
use crate::warned::Warnings;

/// Opens `NAME://..`: a server with some seams, which are in memory.
struct Vendor {
    schemes: &'static [&'static str],
    /// Of `dbqls`: discovery, broker, queue, leases, store.
    seams: &'static str,
    outage: Mutex<Option<Outage>>,
}

fn vendor(schemes: &'static [&'static str], seams: &'static str) -> Arc<Vendor> {
    Arc::new(Vendor { schemes, seams, outage: Mutex::default() })
}

impl Plugin for Vendor {
    fn schemes(&self) -> &'static [&'static str] {
        self.schemes
    }

    fn open<'a>(&'a self, opening: Opening<'a>) -> BoxFuture<'a, Result<Backend, BackendError>> {
        let env = opening.env.clone();
        let has = |seam| self.seams.contains(seam);
        let outage = Outage::new(&env, self.schemes[0], "10.0.0.1:1");
        *self.outage.lock() = Some(outage.clone());
        let backend = Backend {
            discovery: has('d').then(|| Arc::new(MemoryDiscovery::new(env.clone())) as _),
            broker: has('b').then(|| Arc::new(MemoryBroker::new()) as _),
            queue: has('q').then(|| Arc::new(MemoryQueue::new(env.clone())) as _),
            leases: has('l').then(|| Arc::new(MemoryLeases::new(env.clone())) as _),
            store: has('s').then(|| Arc::new(MemoryStore::new()) as _),
            outage: Some(outage),
            ..Backend::default()
        };
        let failed = opening.url.contains("closed").then(|| opening.error("it is closed"));
        Box::pin(async move { failed.map_or(Ok(backend), Err) })
    }
}

const ALL: &str = "all://ann:hunter2@10.0.0.1?key=hunter2";

/// A list of plugins, as a program keeps one.
fn plugins() -> Vec<Arc<dyn Plugin>> {
    vec![vendor(&["all"], "dbqls"), vendor(&["some"], "dq"), vendor(&["rows"], "ls")]
}

fn app(config: ConfigBuilder) -> App {
    let app = App::with(config.build().unwrap());
    plugins().into_iter().fold(app, App::plugin)
}

fn settings(settings: &[(&str, &str)]) -> ConfigBuilder {
    settings.iter().fold(Config::builder(), |config, (key, url)| config.set(key, *url))
}

async fn backends(app: &RunningApp) -> Vec<BackendInfo> {
    let cx = app.cx();
    NodeClient::new(&cx).at(cx.app_id()).backends(()).await.unwrap().backends
}

/// `SEAM URL`, in the order of their names.
async fn served(config: ConfigBuilder) -> Vec<String> {
    let app = app(config).start().await.unwrap();
    let line = |info: &BackendInfo| format!("{} {}", info.seam, info.url);
    let mut lines: Vec<String> = backends(&app).await.iter().map(line).collect();
    lines.sort();
    lines
}

#[tokio::test(start_paused = true)]
async fn app_cluster_serves_every_seam_that_its_backend_has_and_a_setting_of_a_seam_wins() {
    let all = |url: &str| {
        ["broker", "discovery", "leases", "queue", "store"].map(|seam| format!("{seam} {url}"))
    };
    assert_eq!(served(settings(&[("app.cluster", ALL)])).await, all("all://10.0.0.1"));
    let own = [("app.cluster", ALL), ("app.queue", "some://h"), ("app.store", "rows://h")];
    let mut want = all("all://10.0.0.1");
    (want[3], want[4]) = ("queue some://h".into(), "store rows://h".into());
    assert_eq!(served(settings(&own)).await, want);
    // What the cluster lacks: discovery has it, or nobody.
    let some = [("app.cluster", "rows://h"), ("app.discovery", "some://h")];
    let want = [
        "broker memory:",
        "discovery some://h",
        "leases rows://h",
        "queue some://h",
        "store rows://h",
    ];
    assert_eq!(served(settings(&some)).await, want);
    assert_eq!(served(settings(&[])).await, all("memory:"));
}

#[tokio::test(start_paused = true)]
async fn a_preset_of_the_program_yields_to_app_cluster_and_wins_without_it() {
    let preset = || Config::builder().preset("app.store", "rows://preset");
    let store = async |config| served(config).await.pop().unwrap();
    assert_eq!(store(preset()).await, "store rows://preset");
    assert_eq!(store(preset().set("app.cluster", ALL)).await, "store all://10.0.0.1");
    let own = preset().set("app.cluster", ALL).set("app.store", "rows://own");
    assert_eq!(store(own).await, "store rows://own");
}

#[tokio::test(start_paused = true)]
async fn a_cluster_without_a_discovery_is_a_start_error_unless_there_is_another() {
    let error = app(settings(&[("app.cluster", "rows://u:hunter2@h")])).start().await.unwrap_err();
    assert_eq!((error.kind(), error.key()), (StartErrorKind::Backend, Some("app.cluster")));
    let text = error.to_string();
    assert!(text.contains("set app.discovery") && !text.contains("hunter2"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn errors_of_urls_name_no_secret() {
    for url in ["all://u:hunter2@closed", "none://u:hunter2@h?password=hunter2"] {
        for key in ["app.cluster", "app.discovery", "link.over"] {
            let error = app(settings(&[(key, url)])).start().await.unwrap_err().to_string();
            assert!(error.contains(key) && !error.contains("hunter2"), "{error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_carries_no_links_is_refused_for_them() {
    let error = app(settings(&[("link.over", ALL)])).start().await.unwrap_err();
    assert_eq!((error.kind(), error.key()), (StartErrorKind::Backend, Some("link.over")));
    let text = error.to_string();
    assert!(text.contains("carries no links") && !text.contains("hunter2"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn seams_left_in_memory_beside_other_processes_are_named_at_start_and_fail_at_their_use() {
    let warnings = Warnings::default();
    let _heard = warnings.hear();
    let app = app(settings(&[("app.discovery", "static:127.0.0.1:1")])).start().await.unwrap();
    let said = warnings.of("in the memory of this process alone");
    assert_eq!(said.len(), 1, "{said:?}");
    for part in ["WARN", "app.broker, app.queue, app.leases", "static:127.0.0.1:1", "app.cluster"] {
        assert!(said[0].contains(part), "{part}: {said:?}");
    }
    let cx: Cx = app.cx();
    let cast = DeskClient::topic(&cx, "news").tell(TellMsg { text: "hi".into() }).await;
    let queue = cx.queue().await.map(drop);
    let leases = cx.leases().await.map(drop);
    for (key, failed) in [("app.broker", cast), ("app.queue", queue), ("app.leases", leases)] {
        let status = failed.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition, "{status}");
        assert!(status.message().contains(&format!("set app.cluster or {key}")), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn leases_left_in_memory_beside_other_processes_are_a_start_error_of_an_app_with_actors() {
    let start = async |more: &[(&str, &str)]| {
        let all = [&[("app.discovery", "static:127.0.0.1:1")], more].concat();
        app(settings(&all)).actor::<TestRoom>(RoomServer).start().await
    };
    let error = start(&[]).await.unwrap_err();
    assert_eq!((error.kind(), error.key()), (StartErrorKind::Backend, Some("app.leases")));
    assert!(error.to_string().contains("write \"memory:\""), "{error}");
    for more in [("app.leases", "memory:"), ("app.leases", "rows://h"), ("app.cluster", "rows://h")]
    {
        start(&[more]).await.unwrap().shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_a_server_is_in_readyz_and_in_the_list_of_backends_and_has_two_lines_of_log() {
    let warnings = Warnings::default();
    let _heard = warnings.hear();
    let all = vendor(&["all"], "dbqls");
    let config = settings(&[("app.cluster", ALL)]).build().unwrap();
    let app = App::with(config).plugin(Arc::clone(&all)).start().await.unwrap();
    let (cx, outage) = (app.cx(), all.outage.lock().clone().unwrap());
    assert_eq!(cx.problems(), Vec::<String>::new());
    let server = async || backends(&app).await[0].server.clone().unwrap();
    assert_eq!((server().await.answered_ms, server().await.outage_ms), (None, None));
    outage.worked();
    cx.env().sleep(Duration::from_secs(1)).await;
    assert_eq!((server().await.answered_ms, server().await.outage_ms), (Some(1000), None));

    outage.failed(&"connection refused");
    cx.env().sleep(Duration::from_secs(2)).await;
    let want = "backend all 10.0.0.1:1 (discovery, broker, queue, leases, store): unreachable for 2 s: connection refused; discovery serves its last good view";
    assert_eq!(cx.problems(), [want]);
    let gauge = || {
        let text = cx.metrics().text();
        let line = text.lines().find(|line| line.contains("component=\"backend.all\"")).unwrap();
        line.rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!(gauge(), "0");
    let info = server().await;
    assert_eq!((info.addresses.as_str(), info.outage_ms), ("10.0.0.1:1", Some(2000)));
    assert_eq!((info.why.as_str(), info.answered_ms), ("connection refused", Some(3000)));
    outage.worked();
    assert_eq!((cx.problems(), gauge().as_str()), (Vec::new(), "1"));
    let said = warnings.of("unreachable");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("all") && said[0].contains("10.0.0.1:1"), "{said:?}");
}
