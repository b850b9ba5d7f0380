//! Who gets a connection, and who loses one.

use std::time::Duration;

use guildhall_http::Limits;

use crate::world::{Client, World, limits, within};

#[tokio::test]
async fn silent_connections_keep_nobody_out() {
    let world = World::start(Limits { connections: 8, ..limits() }).await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(world.client().await);
    }
    for _ in 0..20 {
        assert_eq!(world.get("/echo").await.code, 200);
    }
    assert_eq!(silent[0].reply().await, None, "it had to go");
}

#[tokio::test]
async fn connections_that_asked_once_and_fell_silent_keep_nobody_out() {
    let world = World::start(Limits { connections: 8, ..limits() }).await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        let mut client = world.client().await;
        client.ask("/echo").await;
        assert_eq!(client.reply().await.unwrap().code, 200);
        silent.push(client);
    }
    assert_eq!(silent[0].reply().await, None, "it had to go");
    let last = silent.last_mut().unwrap();
    last.ask("/echo").await;
    assert_eq!(last.reply().await.unwrap().code, 200, "the latest is still there");
}

#[tokio::test]
async fn dripping_header_bytes_keep_nobody_out() {
    let world = World::start(Limits { connections: 8, ..limits() }).await;
    let mut dripping: Vec<Client> = Vec::new();
    for round in 0..50 {
        let mut client = world.client().await;
        client.send(b"GET /echo HT").await;
        dripping.push(client);
        for client in &mut dripping {
            client.send(b"T").await;
        }
        assert_eq!(world.get("/echo").await.code, 200, "round {round}");
    }
}

#[tokio::test]
async fn one_address_takes_places_from_itself_alone() {
    let world = World::start(Limits { per_address: 4, ..limits() }).await;
    let mut other = world.client_from("127.0.0.2").await;
    other.ask("/echo").await;
    assert_eq!(other.reply().await.unwrap().code, 200);
    let mut many = Vec::new();
    for _ in 0..100 {
        many.push(world.client().await);
    }
    assert_eq!(world.get("/echo").await.code, 200);
    assert_eq!(many[0].reply().await, None, "its own first connection had to go");
    other.ask("/echo").await;
    assert_eq!(other.reply().await.unwrap().code, 200, "the other address has lost nothing");
}

#[tokio::test]
async fn a_request_that_runs_is_not_cut_off_for_a_new_connection() {
    let world = World::start(Limits { connections: 1, ..limits() }).await;
    let mut first = world.client().await;
    first.ask("/wait").await;
    within(world.waits.acquire()).await.unwrap().forget();
    let refused = world.client().await.reply().await.unwrap();
    assert_eq!(refused.code, 503);
    assert!(refused.head.contains("Retry-After: 1\r\n"), "{refused:?}");
    world.gate.add_permits(1);
    assert_eq!(first.reply().await.unwrap().body, "waited");
    assert_eq!(world.get("/echo").await.code, 200, "it is idle now, and may go");
}

#[tokio::test]
async fn a_held_answer_gives_its_place_away() {
    let world = World::start(Limits { connections: 2, ..limits() }).await;
    let mut held = Vec::new();
    for _ in 0..10 {
        let mut client = world.client().await;
        client.ask("/held").await;
        held.push(client);
    }
    assert_eq!(world.get("/echo").await.code, 200);
    assert_eq!(held[0].reply().await, None);
}

#[tokio::test]
async fn connections_that_came_and_went_leave_no_place_taken() {
    let world = World::start(Limits { connections: 2, per_address: 1, ..limits() }).await;
    for _ in 0..200 {
        let mut client = world.client().await;
        client.send(b"GET /wait HTTP/1.1\r\n\r\n").await;
        within(world.waits.acquire()).await.unwrap().forget();
        drop(client);
        // A client that goes ends its request: nobody opens the gate for it.
        let mut tries = 0;
        while world.get("/echo").await.code == 503 {
            tries += 1;
            assert!(tries < 1000, "the place is not free again");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
