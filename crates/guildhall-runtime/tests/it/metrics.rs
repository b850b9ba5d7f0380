//! Facts about metrics: what users register, what the runtime counts, and the text of both.

use guildhall::metrics::{Metrics, SECONDS};
use guildhall::{App, Config, Cx, Env, RunningApp};

use crate::exposition::read;
use crate::world::{pair, say};

async fn app(settings: &[(&str, i64)]) -> RunningApp {
    app_in(Env::real(), settings).await
}

async fn app_in(env: Env, settings: &[(&str, i64)]) -> RunningApp {
    let none = Config::builder().set("app.id", "dev.w1.app.1");
    let config = settings.iter().fold(none, |config, (key, value)| config.set(key, *value));
    App::with(config.build().unwrap()).env(env).start().await.unwrap()
}

/// The value of a line; `None` when there is no such line.
#[track_caller]
fn value(metrics: &Metrics, metric: &str, line: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let labels = labels.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let text = metrics.text();
    read(&text).get(metric)?.lines.get(&(line.to_owned(), labels)).copied()
}

#[tokio::test]
async fn all_four_kinds_come_out_as_prometheus_reads_them() {
    let app = app(&[]).await;
    let cx = app.cx();
    let metrics = cx.metrics();
    metrics.counter("trades_total", "Trades", &["kind"]).unwrap().with(&["gold"]).add(3);
    let rooms = metrics.gauge("rooms", "Rooms", &[]).unwrap().with(&[]);
    rooms.set(-2);
    let held = rooms.hold();
    assert_eq!(value(metrics, "rooms", "rooms", &[]), Some(-1.0));
    drop(held);
    let sizes = metrics.histogram("size", "Sizes", &["kind"], &[1.0, 2.5]).unwrap();
    [0.5, 1.0, 2.0, 99.0, f64::NAN].iter().for_each(|size| sizes.with(&["bag"]).observe(*size));
    let waits = metrics.summary("wait", "Waits", &[]).unwrap().with(&[]);
    (1..=100).for_each(|n| waits.observe(f64::from(n)));
    let gold = [("kind", "gold")];
    assert_eq!(value(metrics, "trades_total", "trades_total", &gold), Some(3.0));
    assert_eq!(value(metrics, "rooms", "rooms", &[]), Some(-2.0));
    for (le, n) in [("1", 2.0), ("2.5", 3.0), ("+Inf", 4.0)] {
        let bucket = [("kind", "bag"), ("le", le)];
        assert_eq!(value(metrics, "size", "size_bucket", &bucket), Some(n), "{le}");
    }
    assert_eq!(value(metrics, "size", "size_sum", &[("kind", "bag")]), Some(102.5));
    for (quantile, wait) in [("0.5", 50.0), ("0.9", 90.0), ("0.99", 99.0)] {
        assert_eq!(value(metrics, "wait", "wait", &[("quantile", quantile)]), Some(wait));
    }
    assert_eq!(value(metrics, "wait", "wait_sum", &[]), Some(5050.0));
    assert_eq!(value(metrics, "wait", "wait_count", &[]), Some(100.0));
    let text = metrics.text();
    let all = read(&text);
    let kinds = ["trades_total", "rooms", "size", "wait"].map(|name| &*all[name].kind);
    assert_eq!(kinds, ["counter", "gauge", "histogram", "summary"]);
    app.shutdown().await;
}

#[tokio::test]
async fn texts_with_quotes_and_line_ends_come_back_as_they_were() {
    let app = app(&[]).await;
    let cx = app.cx();
    let odd = "a \"b\" \\n c\nd, e=\"f\"} 1 ü";
    cx.metrics().counter("odd_total", odd, &["what", "x"]).unwrap().with(&[odd, "\\"]).add(1);
    let labels = [("what", odd), ("x", "\\")];
    assert_eq!(value(cx.metrics(), "odd_total", "odd_total", &labels), Some(1.0));
    assert_eq!(read(&cx.metrics().text())["odd_total"].help, odd);
    app.shutdown().await;
}

#[tokio::test]
async fn the_same_metric_twice_is_one_and_another_of_its_name_is_an_error() {
    let app = app(&[]).await;
    let cx = app.cx();
    let metrics = cx.metrics();
    metrics.counter("x_total", "X", &["kind"]).unwrap().with(&["a"]).add(1);
    metrics.counter("x_total", "X", &["kind"]).unwrap().with(&["a"]).add(1);
    assert_eq!(value(metrics, "x_total", "x_total", &[("kind", "a")]), Some(2.0));
    metrics.histogram("h", "H", &[], &SECONDS).unwrap();
    let errors = [
        metrics.gauge("x_total", "X", &["kind"]).unwrap_err(),
        metrics.counter("x_total", "X", &["color"]).unwrap_err(),
        metrics.histogram("h", "H", &[], &[1.0]).unwrap_err(),
        metrics.counter("h_count", "H", &[]).unwrap_err(),
        metrics.counter("guildhall_saves_total", "Mine", &["mine"]).unwrap_err(),
    ];
    let said = ["as a counter, not as a gauge", "(kind), not (color)", "bounds", "`h`", "(mine)"];
    for (error, said) in errors.iter().zip(said) {
        assert!(error.to_string().contains(said), "{error}");
    }
    app.shutdown().await;
}

#[tokio::test]
async fn names_that_no_reader_takes_are_refused() {
    let app = app(&[]).await;
    let cx = app.cx();
    let metrics = cx.metrics();
    for name in ["", "1st", "a-b", "a b", "ä"] {
        assert!(metrics.counter(name, "", &[]).is_err(), "{name:?}");
    }
    for label in ["", "1st", "a-b", "a:b", "__a", "le", "quantile"] {
        assert!(metrics.counter("fine", "", &[label]).is_err(), "{label:?}");
    }
    assert!(metrics.counter("fine", "", &["a", "a"]).is_err());
    assert!(metrics.histogram("fine", "", &[], &[2.0, 1.0]).is_err());
    metrics.counter("fine:_1", "", &["_a1"]).unwrap();
    app.shutdown().await;
}

#[tokio::test]
async fn label_sets_over_the_limit_share_one_series_and_are_counted() {
    let app = app(&[("metrics.series_max", 40), ("metrics.label_bytes_max", 100)]).await;
    let cx = app.cx();
    let players = cx.metrics().counter("players_total", "Players", &["name", "kind"]).unwrap();
    (0..100).for_each(|n| players.with(&[&n.to_string(), "x"]).add(1));
    players.with(&["0", "x"]).add(1);
    let all = read(&cx.metrics().text());
    assert_eq!(all["players_total"].lines.len(), 41);
    let line = |labels: &[_]| value(cx.metrics(), "players_total", "players_total", labels);
    assert_eq!(line(&[("name", "0"), ("kind", "x")]), Some(2.0), "it was there before");
    assert_eq!(line(&[("name", "other"), ("kind", "other")]), Some(60.0));
    let others = "guildhall_metrics_other_total";
    let of = |metric| value(cx.metrics(), others, others, &[("metric", metric)]);
    assert_eq!(of("players_total"), Some(60.0));
    let long = cx.metrics().counter("long_total", "Long", &["name"]).unwrap();
    long.with(&[&"x".repeat(101)]).add(1);
    assert_eq!(of("long_total"), Some(1.0));
    app.shutdown().await;
}

#[tokio::test]
async fn one_metric_more_than_allowed_is_refused() {
    let app = app(&[("metrics.names_max", 200)]).await;
    let cx = app.cx();
    let mut names = (0..200).map(|n| cx.metrics().gauge(&format!("g{n}"), "", &[]));
    let refused = names.find_map(Result::err).unwrap();
    assert!(refused.to_string().contains("metrics.names_max"), "{refused}");
    assert_eq!(read(&cx.metrics().text()).len(), 200);
    cx.metrics().gauge("g0", "", &[]).unwrap();
    app.shutdown().await;
}

#[tokio::test]
async fn quantiles_are_of_the_window_and_of_a_bounded_number_of_values() {
    let env = Env::real();
    let limits = [("metrics.summary_samples", 10), ("metrics.summary_window_ms", 60_000)];
    let app = app_in(env.clone(), &limits).await;
    let cx = app.cx();
    let waits = cx.metrics().summary("wait", "Waits", &["who"]).unwrap().with(&["me"]);
    (1..=100).for_each(|n| waits.observe(f64::from(n)));
    let labels = [("who", "me"), ("quantile", "0.5")];
    let median = || value(cx.metrics(), "wait", "wait", &labels).unwrap();
    assert!((median() - 95.0).abs() < f64::EPSILON, "{}", median());
    env.set_skew(61_000_000_000);
    assert!(median().is_nan(), "{}", median());
    assert_eq!(value(cx.metrics(), "wait", "wait_count", &[("who", "me")]), Some(100.0));
    app.shutdown().await;
}

const SAY: &str = "/hello.Greeter/Say";

/// Calls of one code, as both sides count them.
fn calls(cx: &Cx, metric: &str, code: &str) -> f64 {
    let labels = [("method", SAY), ("code", code)];
    value(cx.metrics(), metric, metric, &labels).unwrap_or_default()
}

#[tokio::test]
async fn both_sides_count_calls_by_method_and_code() {
    let pair = pair().await;
    let (caller, server) = (pair.caller.cx(), pair.server.cx());
    let before = calls(&caller, "guildhall_calls_total", "OK");
    say(&caller, "you").await.unwrap();
    say(&caller, "fail").await.unwrap_err();
    say(&caller, "panic").await.unwrap_err();
    assert_eq!(calls(&caller, "guildhall_calls_total", "OK"), before + 1.0);
    for (code, n) in [("NOT_FOUND", 1.0), ("INTERNAL", 1.0)] {
        assert_eq!(calls(&caller, "guildhall_calls_total", code), n, "{code}");
        assert_eq!(calls(&server, "guildhall_served_total", code), n, "{code}");
    }
    let name = "guildhall_served_seconds";
    let served =
        value(server.metrics(), name, "guildhall_served_seconds_count", &[("method", SAY)]);
    assert_eq!(served, Some(calls(&server, "guildhall_served_total", "OK") + 2.0));
    assert_eq!(calls(&server, "guildhall_calls_total", "OK"), 0.0, "it has called nobody");
    pair.caller.shutdown().await;
    pair.server.shutdown().await;
}

#[tokio::test]
async fn a_call_that_is_dropped_counts_as_cancelled_and_is_in_flight_no_more() {
    let mut pair = pair().await;
    let (caller, server) = (pair.caller.cx(), pair.server.cx());
    let in_flight = || {
        let name = "guildhall_calls_in_flight";
        value(server.metrics(), name, name, &[])
    };
    {
        let mut call = Box::pin(say(&caller, "wait"));
        let begun = async { pair.events.recv().await };
        assert!(matches!(
            futures_util::future::select(Box::pin(begun), &mut call).await,
            futures_util::future::Either::Left((Some("begun"), _))
        ));
        assert_eq!(in_flight(), Some(1.0));
    }
    assert_eq!(pair.events.recv().await, Some("dropped"));
    assert_eq!(calls(&caller, "guildhall_calls_total", "CANCELLED"), 1.0);
    say(&caller, "you").await.unwrap();
    assert_eq!(in_flight(), Some(0.0));
    pair.caller.shutdown().await;
    pair.server.shutdown().await;
}

#[tokio::test]
async fn links_are_counted_while_they_are_open_and_nothing_stays_queued() {
    let pair = pair().await;
    let gauge = |cx: &Cx, name| value(cx.metrics(), name, name, &[]);
    let (caller, server) = (pair.caller.cx(), pair.server.cx());
    assert_eq!(gauge(&caller, "guildhall_links_dialled"), Some(1.0));
    assert_eq!(gauge(&server, "guildhall_links_accepted"), Some(1.0));
    say(&caller, "you").await.unwrap();
    assert_eq!(gauge(&caller, "guildhall_link_queued_bytes"), Some(0.0));
    pair.caller.shutdown().await;
    assert_eq!(gauge(&caller, "guildhall_links_dialled"), Some(0.0));
    pair.server.shutdown().await;
    assert_eq!(gauge(&server, "guildhall_links_accepted"), Some(0.0));
    assert_eq!(gauge(&server, "guildhall_link_queued_bytes"), Some(0.0));
}

#[tokio::test]
async fn a_wrong_limit_is_refused_with_the_key_that_was_meant() {
    let config = Config::builder().set("metrics.serie_max", 1).build().unwrap();
    let error = App::with(config).start().await.unwrap_err();
    assert!(error.to_string().contains("series_max"), "{error}");
}
