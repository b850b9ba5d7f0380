//! An outage of a backend: when it begins and ends, what is known of it, and how long to wait.

use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::backend::Outage;

fn outage() -> (Env, Outage) {
    let env = Env::real();
    let outage = Outage::new(&env, "etcd", "10.0.0.1:2379");
    (env, outage)
}

#[tokio::test(start_paused = true)]
async fn an_outage_begins_with_the_first_failure_and_ends_with_the_first_answer() {
    let (env, outage) = outage();
    let clone = outage.clone();
    let health = outage.health();
    assert_eq!((health.vendor, health.server.as_str()), ("etcd", "10.0.0.1:2379"));
    assert_eq!((health.answered, health.outage), (None, None), "it was not asked yet");
    outage.failed(&"refused");
    env.sleep(Duration::from_secs(3)).await;
    clone.failed(&"timed out");
    assert!(outage.is_there());
    let health = outage.health();
    assert_eq!(health.outage, Some((Duration::from_secs(3), "refused".to_owned())));
    clone.worked();
    env.sleep(Duration::from_secs(2)).await;
    assert!(!outage.is_there());
    let health = outage.health();
    assert_eq!((health.answered, health.outage), (Some(Duration::from_secs(2)), None));
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_with_the_outage_and_stay_within_their_bounds() {
    let (env, outage) = outage();
    let within = |least: u64, most: u64| {
        for _ in 0..100 {
            let pause = outage.pause();
            let bounds = Duration::from_millis(least)..=Duration::from_millis(most);
            assert!(bounds.contains(&pause), "{pause:?}, expected {least} to {most} ms");
        }
    };
    within(50, 100);
    outage.failed(&"refused");
    within(50, 100);
    env.sleep(Duration::from_millis(400)).await;
    within(200, 400);
    env.sleep(Duration::from_secs(3600)).await;
    within(1000, 2000);
    outage.worked();
    within(50, 100);
}

#[tokio::test]
async fn a_reason_from_a_server_is_cut_and_stays_on_one_line() {
    let (_, outage) = outage();
    outage.failed(&format!("refused\r\nINFO all is well\u{1b}[2J {}", "é".repeat(65_000)));
    let (_, why) = outage.health().outage.unwrap();
    assert!(why.starts_with("refused  INFO all is well [2J é"), "{why}");
    assert!(why.len() <= 303 && why.ends_with("é…"), "{} bytes", why.len());
    assert!(!why.chars().any(char::is_control));
}
