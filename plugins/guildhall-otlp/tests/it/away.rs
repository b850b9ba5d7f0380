//! A collector that is not there, or does not answer.

use std::time::Duration;

use guildhall_core::Env;

use crate::apps;
use crate::collector::Collector;

/// Longest that a call between two apps of this process may take on a busy machine.
const QUICK: Duration = Duration::from_millis(900);

#[tokio::test(flavor = "multi_thread")]
async fn without_a_collector_calls_go_on_spans_are_counted_and_a_later_one_gets_what_follows() {
    let address = guildhall_testkit::process::free_ports(1).start;
    let address = format!("127.0.0.1:{address}");
    let (apps, env) = (
        apps::start(&format!("http://{address}"), &[("otlp.metrics_ms", "100")]).await,
        Env::real(),
    );
    let metrics = apps.caller.cx().metrics().clone();
    let is_counted = |name: &str| {
        let text = metrics.text();
        text.lines()
            .any(|line| line.split_once(' ').is_some_and(|(n, count)| n == name && count != "0"))
    };
    let end = env.now() + Duration::from_secs(60);
    while !is_counted("guildhall_spans_dropped_total")
        || !is_counted("guildhall_otlp_metrics_lost_total")
    {
        let begun = env.now();
        apps.call("hello").await.unwrap();
        assert!(env.now() - begun < QUICK, "a call waited for the collector");
        assert!(env.now() < end, "nothing was counted");
        env.sleep(Duration::from_millis(20)).await;
    }
    let (collector, _) = Collector::start(&address).await;
    while collector.spans().is_empty() || collector.metric("guildhall_spans_total").is_none() {
        apps.call("hello").await.unwrap();
        assert!(env.now() < end, "the collector is there, and gets nothing");
        env.sleep(Duration::from_millis(20)).await;
    }
    apps.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_never_answers_delays_neither_calls_nor_the_end() {
    // It accepts connections, as far as the system does that, and reads nothing.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (apps, env) = (apps::start(&endpoint, &[("otlp.metrics_ms", "100")]).await, Env::real());
    for _ in 0..50 {
        let begun = env.now();
        apps.call("hello").await.unwrap();
        assert!(env.now() - begun < QUICK, "a call waited for the collector");
    }
    let begun = env.now();
    apps.shutdown().await;
    let took = env.now() - begun;
    assert!(took < Duration::from_secs(20), "the end of both apps took {took:?}");
}
