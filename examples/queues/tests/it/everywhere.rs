//! What holds on every backend.

use queues::message::Event;
use queues::{Architecture, Game};

use crate::ground::{Ground, said};

on! { everywhere: events_of_a_client_come_in_order_and_its_pushes_come_back: memory redis nats rabbitmq zeromq }
on! { everywhere: a_game_that_starts_later_gets_what_waits: memory redis nats rabbitmq zeromq }
on! { everywhere: each_event_goes_to_one_game: memory redis nats rabbitmq zeromq }
on! { everywhere: a_crash_between_pop_and_handling_costs_what_the_backend_says: memory redis nats rabbitmq zeromq }

async fn events_of_a_client_come_in_order_and_its_pushes_come_back(ground: &Ground) {
    let mut game = ground.game(Architecture::TwoQueues).await;
    let mut connector = ground.connector(Architecture::TwoQueues, 1).await;
    connector.connect("a:1", "ann").await.unwrap();
    for n in 0..20 {
        connector.message("a:1", &n.to_string()).await.unwrap();
    }
    connector.close("a:1", true).await.unwrap();
    let mut came = Vec::new();
    for _ in 0..22 {
        came.push(ground.step(&mut game).await);
    }
    assert!(matches!(&came[0], Event::Connect { uid, .. } if uid == "ann"), "{:?}", came[0]);
    for (n, event) in came[1..21].iter().enumerate() {
        assert_eq!(*event, Event::Message { addr: "a:1".to_owned(), data: n.to_string() });
    }
    assert_eq!(came[21], Event::Error { addr: "a:1".to_owned() }, "the address alone");
    // The client is gone, so its pushes are dropped; another one gets its own.
    connector.connect("b:1", "bob").await.unwrap();
    connector.message("b:1", "hi").await.unwrap();
    ground.step(&mut game).await;
    ground.step(&mut game).await;
    assert_eq!(ground.push(&mut connector).await, said("b:1", "welcome, bob"));
    assert_eq!(ground.push(&mut connector).await, said("b:1", "bob: hi"));
}

async fn a_game_that_starts_later_gets_what_waits(ground: &Ground) {
    let mut connector = ground.connector(Architecture::TwoQueues, 1).await;
    connector.connect("a:1", "ann").await.unwrap();
    connector.message("a:1", "early").await.unwrap();
    let mut game = ground.game(Architecture::TwoQueues).await;
    ground.step(&mut game).await;
    ground.step(&mut game).await;
    assert_eq!(ground.push(&mut connector).await, said("a:1", "welcome, ann"));
    assert_eq!(ground.push(&mut connector).await, said("a:1", "ann: early"));
}

async fn each_event_goes_to_one_game(ground: &Ground) {
    let mut connector = ground.connector(Architecture::TwoQueues, 1).await;
    // ZeroMQ: the queue is in one process, whose games share it.
    let (mut one, mut other) =
        (ground.game(Architecture::TwoQueues).await, ground.game(Architecture::TwoQueues).await);
    connector.connect("a:1", "ann").await.unwrap();
    for n in 0..40 {
        connector.message("a:1", &n.to_string()).await.unwrap();
    }
    let mut seen = Vec::new();
    for _ in 0..20 {
        let (first, second) = tokio::join!(
            ground.within("an event", one.take()),
            ground.within("an event", other.take())
        );
        seen.push(acked(&mut one, first).await);
        seen.push(acked(&mut other, second).await);
    }
    let last = ground.within("an event", one.take()).await;
    seen.push(acked(&mut one, last).await);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 41, "an event came twice: {seen:?}");
}

/// Handles an event. A game refuses messages of a player that the other one has.
async fn acked(game: &mut Game<'_>, received: queues::line::Received) -> String {
    let _handled = game.handle(&received).await;
    String::from_utf8(received.body.to_vec()).unwrap()
}

async fn a_crash_between_pop_and_handling_costs_what_the_backend_says(ground: &Ground) {
    let keeps = {
        let backend = ground.place.open("events", &ground.urls(1).1.events).await.unwrap();
        backend.queue.unwrap().capabilities().ack_wait.is_some()
    };
    let mut connector = ground.connector(Architecture::TwoQueues, 1).await;
    let mut crashes = ground.game(Architecture::TwoQueues).await;
    for (addr, uid) in [("a:1", "ann"), ("a:2", "bob"), ("a:3", "cleo")] {
        connector.connect(addr, uid).await.unwrap();
    }
    ground.step(&mut crashes).await;
    let popped = ground.within("an event", crashes.take()).await;
    assert_eq!(popped.attempt, 1);
    drop(crashes);

    let mut next = ground.game(Architecture::TwoQueues).await;
    let mut players = Vec::new();
    for _ in 0..if keeps { 2 } else { 1 } {
        let received = ground.within("an event", next.take()).await;
        if let Event::Connect { uid, .. } = next.handle(&received).await.unwrap() {
            players.push((uid, received.attempt));
        }
    }
    players.sort();
    // bob's was popped by the game that crashed.
    let wanted: &[_] = if keeps { &[("bob", 2), ("cleo", 1)] } else { &[("cleo", 1)] };
    let players: Vec<_> = players.iter().map(|(uid, attempt)| (&**uid, *attempt)).collect();
    assert_eq!(players, wanted, "keeps = {keeps}");
    connector.connect("a:4", "dan").await.unwrap();
    let then = ground.step(&mut next).await;
    assert!(matches!(&then, Event::Connect { uid, .. } if uid == "dan"), "{then:?}");
}
