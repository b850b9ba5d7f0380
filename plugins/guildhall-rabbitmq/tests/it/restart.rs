//! A server that is killed while consumers wait.

use std::time::Duration;

use guildhall_core::Env;
use servers::{RABBITMQ, Server};

use crate::ground::{is_there, open, pop, push};

#[tokio::test(flavor = "multi_thread")]
async fn a_pop_that_waits_goes_on_after_a_restart() {
    if !is_there("restart::a_pop_that_waits_goes_on_after_a_restart") {
        return;
    }
    let (mut server, env) = (Server::new(&RABBITMQ), Env::real());
    server.start();
    let queue = open(&format!("{}?deadline_ms=60000", server.url())).1;
    push(&queue, "first").await.unwrap();
    assert_eq!(pop(&queue).await, "first");
    let restart = async {
        // Until the pop waits at the server.
        env.sleep(Duration::from_secs(2)).await;
        server.kill();
        server.start();
        push(&queue, "second").await.unwrap();
    };
    let (popped, ()) = tokio::join!(queue_pop(&queue), restart);
    assert_eq!(popped, "second");
}

async fn queue_pop(queue: &guildhall_rabbitmq::RabbitQueue) -> bytes::Bytes {
    use guildhall_core::queue::Queue as _;
    let popped = queue.pop("mail", Duration::from_secs(300)).await;
    popped.expect("a wait goes on").expect("an item").body
}
