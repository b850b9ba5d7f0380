//! A game that is too slow: what a queue refuses, and what a topic loses and counts.

use queues::Architecture;

use crate::ground::{Ground, said};

on! { slow: a_full_queue_of_events_is_an_error_at_the_connector_and_loses_nothing: redis nats rabbitmq zeromq }
on! { slow: a_slow_game_on_a_topic_loses_events_and_knows_how_many: memory redis nats rabbitmq }

async fn a_full_queue_of_events_is_an_error_at_the_connector_and_loses_nothing(ground: &Ground) {
    let architecture = Architecture::TwoQueues;
    let mut connector = ground.connector(architecture, 1).await;
    connector.connect("a:1", "ann").await.unwrap();
    let mut sent = 0;
    let error = loop {
        match connector.message("a:1", &sent.to_string()).await {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
        assert!(sent < 1000, "{sent} events and no bound");
    };
    assert!(sent >= 50, "only {sent} fitted: {error:#}");
    let mut game = ground.game(architecture).await;
    ground.step(&mut game).await;
    assert_eq!(ground.push(&mut connector).await, said("a:1", "welcome, ann"));
    for n in 0..sent {
        let event = ground.step(&mut game).await;
        let wanted =
            queues::message::Event::Message { addr: "a:1".to_owned(), data: n.to_string() };
        assert_eq!(event, wanted);
        // Its pushes have a bounded queue as well.
        assert_eq!(ground.push(&mut connector).await, said("a:1", &format!("ann: {n}")));
    }
    connector.message("a:1", "there is room again").await.unwrap();
    ground.step(&mut game).await;
}

async fn a_slow_game_on_a_topic_loses_events_and_knows_how_many(ground: &Ground) {
    let architecture = Architecture::TwoTopics;
    let mut game = ground.game(architecture).await;
    let connector = ground.joined(&mut game, architecture, 1).await;
    // Nobody takes them.
    let sent = 3000;
    for n in 0..sent {
        connector.message("a:1", &n.to_string()).await.unwrap();
    }
    let mut seen = 0;
    while seen + game.lost() < sent {
        let received = ground.within("what is left of the events", game.take()).await;
        seen += u64::from(received.body.starts_with(br#"{"message""#));
    }
    assert_eq!(seen + game.lost(), sent, "{seen} came, {} were lost", game.lost());
    assert!(game.lost() > 0, "nothing was lost");
}
