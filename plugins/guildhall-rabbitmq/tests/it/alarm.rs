//! A server that is short of memory: it stops reading from whoever publishes, without an error.

use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::queue::QueueErrorKind;
use servers::{RABBITMQ, Server};

use crate::ground::{control, is_there, open, pop, push};

fn set_watermark(server: &Server, to: &str) {
    let arguments: Vec<&str> =
        ["set_vm_memory_high_watermark"].into_iter().chain(to.split(' ')).collect();
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
    while push(&queue, "before").await.is_err() {
        env.sleep(Duration::from_millis(100)).await;
    }
    push(&queue, "too").await.unwrap();

    set_watermark(&server, "absolute 1MB");
    let begun = env.now();
    let stopped = push(&queue, "during").await.unwrap_err();
    assert_eq!(stopped.kind, QueueErrorKind::Unknown, "{stopped}");
    assert!(stopped.message.contains("memory"), "{stopped}");
    assert!(env.now() - begun < Duration::from_secs(10), "it took longer than its deadline");
    let begun = env.now();
    let refused = push(&queue, "refused").await.unwrap_err();
    assert_eq!(refused.kind, QueueErrorKind::Unavailable, "{refused}");
    assert!(env.now() - begun < Duration::from_secs(1), "it was known before it was sent");
    assert_eq!(pop(&queue).await, "before", "consumers go on");

    set_watermark(&server, "0.6");
    assert_eq!(pop(&queue).await, "too");
    assert_eq!(pop(&queue).await, "during", "what was unknown was pushed after all");
    let end = env.now() + Duration::from_secs(30);
    while let Err(error) = push(&queue, "after").await {
        assert!(env.now() < end, "the alarm is over, and nothing can be pushed: {error}");
        env.sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(pop(&queue).await, "after", "what was refused was not pushed");
}
