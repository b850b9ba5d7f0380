//! The files in `deploy/`, in a real Prometheus that scrapes the demo.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use guildhall_testkit::process::PATIENCE;
use serde_json::Value;
use servers::{PROMETHEUS, Server, is_there};

use crate::program::{Place, http};

const RULES: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/prometheus/guildhall.rules.yml");
const DASHBOARD: &str = include_str!("../../../deploy/grafana/guildhall.json");

/// Prometheus with the rules of `deploy/`, which scrapes that address.
fn prometheus(admin: &str) -> Server {
    let mut server = Server::new(&PROMETHEUS);
    let config = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [{RULES}]\nscrape_configs:\n  - job_name: guildhall\n    static_configs: [{{targets: ['{admin}']}}]\n"
    );
    std::fs::write(server.folder().join("prometheus.yml"), config).unwrap();
    server.start();
    until("it does not start", || http(&server.address(), "GET", "/-/ready", "").0 == 200);
    server
}

/// What its API answers.
#[track_caller]
fn ask(server: &Server, path: &str) -> Value {
    let (code, text) = http(&server.address(), "GET", path, "");
    assert_eq!(code, 200, "{path}: {text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["status"], "success", "{path}: {text}");
    answer["data"].clone()
}

/// The series that an expression has now.
#[track_caller]
fn series(server: &Server, expression: &str) -> usize {
    let encoded: String = expression.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let found = ask(server, &format!("/api/v1/query?query={encoded}"));
    found["result"].as_array().map_or(1, Vec::len)
}

#[track_caller]
fn until(what: &str, mut is: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The metrics that a text names.
fn metrics(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c| !is_part(c)).filter(|word| word.starts_with("guildhall_")).collect()
}

/// The expressions of the dashboard, for all apps.
fn expressions() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    let all = targets.map(|target| target["expr"].as_str().unwrap().replace("$instance", ".*"));
    all.collect()
}

#[test]
fn prometheus_loads_the_rules_and_finds_every_metric_of_rules_and_dashboard_and_no_alert() {
    let this = "deploy::prometheus_loads_the_rules_and_finds_every_metric_of_rules_and_dashboard_and_no_alert";
    if !is_there(&PROMETHEUS, this) {
        return;
    }
    let place = Place::new();
    let _demo = place.serve(&[]);
    let (status, printed) = place.bots(&["--players", "5", "--seconds", "2"]).finish();
    assert!(status.success(), "{printed}");
    let server = prometheus(place.admin_addr());
    until("it does not scrape the demo", || series(&server, "up{job=\"guildhall\"} == 1") == 1);

    let rules = std::fs::read_to_string(Path::new(RULES)).unwrap();
    let expressions = expressions();
    let named =
        metrics(&rules).into_iter().chain(expressions.iter().flat_map(|text| metrics(text)));
    let named: BTreeSet<&str> = named.collect();
    assert!(named.len() > 20, "{named:?}");
    let page = place.admin("/metrics").1;
    let is_there = |name: &&str| {
        let name = name.strip_suffix("_bucket").unwrap_or(name);
        page.contains(&format!("# TYPE {name} "))
    };
    let missing: Vec<_> = named.into_iter().filter(|name| !is_there(name)).collect();
    assert!(missing.is_empty(), "no app has these metrics: {missing:?}");
    for expression in &expressions {
        series(&server, expression);
    }

    let evaluated = || ask(&server, "/api/v1/rules")["groups"].clone();
    let is_ok = |rule: &Value| rule["health"] == "ok";
    let rules = |groups: &Value| -> Vec<Value> {
        let groups = groups.as_array().unwrap().iter();
        groups.flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
    };
    until(&format!("rules fail: {}", evaluated()), || rules(&evaluated()).iter().all(is_ok));
    let pending: Vec<_> = rules(&evaluated())
        .into_iter()
        .filter(|rule| rule["type"] == "alerting" && rule["state"] != "inactive")
        .collect();
    assert!(pending.is_empty(), "a healthy game has alerts: {pending:?}");
}

#[test]
fn an_app_that_is_gone_is_an_alert() {
    if !is_there(&PROMETHEUS, "deploy::an_app_that_is_gone_is_an_alert") {
        return;
    }
    let place = Place::new();
    let server = prometheus(place.admin_addr());
    let alert = "ALERTS{alertname=\"GuildhallAppDown\"}";
    until("no alert says that nobody answers", || series(&server, alert) == 1);
}
