//! A server that is short of memory or disk: it stops reading from whoever publishes, without an error.

use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::queue::QueueErrorKind;
use guildhall_rabbitmq::RabbitQueue;
use servers::{RABBITMQ, Server};

use crate::ground::{control, is_there, open, pop, push};

/// What begins an alarm and what ends it, as arguments of `rabbitmqctl`, and its name in errors.
const ALARMS: [(&str, &str, &str); 2] = [
    ("set_vm_memory_high_watermark absolute 1MB", "set_vm_memory_high_watermark 0.6", "memory"),
    ("set_disk_free_limit 1000000GB", "set_disk_free_limit 1MB", "disk"),
];

fn set(server: &Server, arguments: &str) {
    let arguments: Vec<&str> = arguments.split(' ').collect();
    control(server, &arguments);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_an_alarm_stops_is_unknown_or_refused_and_consumers_go_on() {
    if !is_there("alarm::a_push_that_an_alarm_stops_is_unknown_or_refused_and_consumers_go_on") {
        return;
    }
    let (mut server, env) = (Server::new(&RABBITMQ), Env::real());
    server.start();
    let queue = open(&format!("{}?deadline_ms=3000", server.url())).1;
    for alarm in ALARMS {
        stops_and_goes_on(&server, &env, &queue, alarm).await;
    }
}

async fn stops_and_goes_on(
    server: &Server,
    env: &Env,
    queue: &RabbitQueue,
    (begins, ends, name): (&str, &str, &str),
) {
    while push(queue, "before").await.is_err() {
        env.sleep(Duration::from_millis(100)).await;
    }
    push(queue, "too").await.unwrap();

    set(server, begins);
    let begun = env.now();
    let stopped = push(queue, "during").await.unwrap_err();
    assert_eq!(stopped.kind, QueueErrorKind::Unknown, "{stopped}");
    assert!(stopped.message.contains(name), "{stopped}");
    assert!(env.now() - begun < Duration::from_secs(10), "it took longer than its deadline");
    let begun = env.now();
    let refused = push(queue, "refused").await.unwrap_err();
    assert_eq!(refused.kind, QueueErrorKind::Unavailable, "{refused}");
    assert!(env.now() - begun < Duration::from_secs(1), "it was known before it was sent");
    assert_eq!(pop(queue).await, "before", "consumers go on");

    set(server, ends);
    assert_eq!(pop(queue).await, "too");
    assert_eq!(pop(queue).await, "during", "what was unknown was pushed after all");
    let end = env.now() + Duration::from_secs(30);
    while let Err(error) = push(queue, "after").await {
        assert!(env.now() < end, "the alarm is over, and nothing can be pushed: {error}");
        env.sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(pop(queue).await, "after", "what was refused was not pushed");
}
