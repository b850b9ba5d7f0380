//! Clients that take their time, and the end of a server.

use std::time::{Duration, Instant};

use guildhall_http::Limits;

use crate::world::{World, limits, within};

const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_connection_that_says_nothing_ends() {
    let world = World::start(Limits { head: SHORT, ..limits() }).await;
    assert_eq!(world.client().await.reply().await, None);
}

#[tokio::test]
async fn a_head_that_drips_ends_though_every_byte_is_in_time() {
    let world = World::start(Limits { head: SHORT, ..limits() }).await;
    let begin = Instant::now();
    let mut client = world.client().await;
    client.send(b"GET /echo HTTP/1.1\r\nX: ").await;
    let drip = async {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            client.send(b"x").await;
            if begin.elapsed() > 5 * SHORT {
                return;
            }
        }
    };
    drip.await;
    assert_eq!(client.reply().await, None, "it ended within {:?}", begin.elapsed());
}

#[tokio::test]
async fn a_connection_ends_when_it_is_idle_for_too_long() {
    let world = World::start(Limits { idle: SHORT, ..limits() }).await;
    let mut client = world.client().await;
    client.ask("/echo").await;
    assert_eq!(client.reply().await.unwrap().code, 200);
    assert_eq!(client.reply().await, None);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered_late() {
    let world = World::start(Limits { request: SHORT, ..limits() }).await;
    let mut client = world.client().await;
    client.send(b"POST /echo HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf").await;
    let reply = client.reply().await.unwrap();
    assert_eq!((reply.code, reply.body.as_str()), (504, "Late"));
    assert_eq!(client.reply().await, None, "and the connection ends");
}

#[tokio::test]
async fn a_service_that_takes_too_long_is_answered_for() {
    let world = World::start(Limits { request: SHORT, ..limits() }).await;
    let reply = world.get("/wait").await;
    assert_eq!((reply.code, reply.body.as_str()), (504, "Late"));
}

#[tokio::test]
async fn a_client_that_does_not_take_its_answer_is_cut_off() {
    let world = World::start(Limits { request: SHORT, ..limits() }).await;
    let mut client = world.client().await;
    client.ask("/large").await;
    // It reads nothing for a while; the sockets hold a part of the answer.
    tokio::time::sleep(10 * SHORT).await;
    let came = client.rest().await;
    assert!(came < 8 << 20, "all {came} bytes came");
}

#[tokio::test]
async fn a_server_that_stops_answers_what_runs_and_closes_what_waits() {
    let world = World::start(limits()).await;
    let (mut silent, mut idle, mut runs) =
        (world.client().await, world.client().await, world.client().await);
    idle.ask("/echo").await;
    idle.reply().await.unwrap();
    runs.ask("/wait").await;
    within(world.waits.acquire()).await.unwrap().forget();
    let mut held = world.client().await;
    held.ask("/held").await;
    within(world.holds.acquire()).await.unwrap().forget();
    let client = async {
        assert_eq!(held.reply().await, None);
        assert_eq!(silent.reply().await, None);
        assert_eq!(idle.reply().await, None);
        world.gate.add_permits(1);
        assert_eq!(runs.reply().await.unwrap().body, "waited");
        assert_eq!(runs.reply().await, None);
    };
    within(async { tokio::join!(world.server.stop(), client) }).await;
    assert!(tokio::net::TcpStream::connect(world.server.addr()).await.is_err());
}
