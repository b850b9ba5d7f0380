//! What each architecture has of its own.

use std::time::Duration;

use queues::{Architecture, Connector};

use crate::ground::{Ground, said};

on! { variants: pushes_on_a_topic_reach_every_connector_and_each_keeps_its_players: memory redis nats rabbitmq zeromq }
on! { variants: a_connector_waits_for_a_game_that_starts_later: memory redis nats rabbitmq zeromq }
on! { variants: pushes_to_a_queue_per_connector_reach_their_owner_alone_also_after_its_restart: memory redis nats rabbitmq zeromq }
on! { variants: a_second_connector_on_one_queue_of_pushes_is_refused: memory redis nats rabbitmq zeromq }
// Not on ZeroMQ: there a game receives topics of connectors that its own URL names.
on! { variants: events_on_a_topic_wait_for_the_game_at_the_start_and_for_nothing_later: memory redis nats rabbitmq }

async fn pushes_on_a_topic_reach_every_connector_and_each_keeps_its_players(ground: &Ground) {
    let architecture = Architecture::QueueAndTopic;
    let mut game = ground.game(architecture).await;
    let mut one = ground.joined(&mut game, architecture, 1).await;
    let mut two = ground.joined(&mut game, architecture, 2).await;
    one.connect("a:1", "ann").await.unwrap();
    two.connect("b:1", "bob").await.unwrap();
    ground.step(&mut game).await;
    ground.step(&mut game).await;
    one.message("a:1", "@bob hi").await.unwrap();
    ground.step(&mut game).await;
    two.message("b:1", "@ann hi yourself").await.unwrap();
    ground.step(&mut game).await;
    // Each push came to both; that of the other's player is not returned.
    assert_eq!(ground.push(&mut one).await, said("a:1", "welcome, ann"));
    assert_eq!(ground.push(&mut one).await, said("a:1", "bob: hi yourself"));
    assert_eq!(ground.push(&mut two).await, said("b:1", "welcome, bob"));
    assert_eq!(ground.push(&mut two).await, said("b:1", "ann: hi"));
    assert_eq!((one.lost(), two.lost()), (0, 0));
}

async fn a_connector_waits_for_a_game_that_starts_later(ground: &Ground) {
    let architecture = Architecture::QueueAndTopic;
    let start = ground.connector(architecture, 1);
    let mut start = std::pin::pin!(start);
    let env = &ground.place.env;
    let early = env.until(env.now() + Duration::from_secs(2), &mut start).await;
    assert!(early.is_none(), "a connector takes clients without a game");
    let mut game = ground.game(architecture).await;
    let mut connector = loop {
        tokio::select! {
            connector = &mut start => break connector,
            hello = game.step() => { hello.unwrap(); }
        }
    };
    connector.connect("a:1", "ann").await.unwrap();
    ground.step(&mut game).await;
    assert_eq!(ground.push(&mut connector).await, said("a:1", "welcome, ann"));
}

async fn pushes_to_a_queue_per_connector_reach_their_owner_alone_also_after_its_restart(
    ground: &Ground,
) {
    let architecture = Architecture::QueuePerConnector;
    let (mut one, mut two) =
        (ground.connector(architecture, 1).await, ground.connector(architecture, 2).await);
    let mut game = ground.game(architecture).await;
    one.connect("a:1", "ann").await.unwrap();
    two.connect("b:1", "bob").await.unwrap();
    ground.step(&mut game).await;
    ground.step(&mut game).await;
    assert_eq!(ground.push(&mut one).await, said("a:1", "welcome, ann"));
    assert_eq!(ground.push(&mut two).await, said("b:1", "welcome, bob"));
    one.message("a:1", "@bob hi").await.unwrap();
    ground.step(&mut game).await;
    assert_eq!(ground.push(&mut two).await, said("b:1", "ann: hi"));

    one.message("a:1", "@nobody hi").await.unwrap();
    let unknown = ground.within("an event", game.step()).await.unwrap_err();
    assert!(unknown.to_string().contains("`nobody` is not connected"), "{unknown:#}");

    // It restarts and registers again.
    drop(two);
    let mut two = ground.connector(architecture, 2).await;
    two.connect("b:2", "bob").await.unwrap();
    ground.step(&mut game).await;
    assert_eq!(ground.push(&mut two).await, said("b:2", "welcome, bob"));
    one.message("a:1", "@bob again").await.unwrap();
    ground.step(&mut game).await;
    assert_eq!(ground.push(&mut two).await, said("b:2", "ann: again"));
}

async fn a_second_connector_on_one_queue_of_pushes_is_refused(ground: &Ground) {
    let architecture = Architecture::TwoQueues;
    let mut game = ground.game(architecture).await;
    let (mut one, mut two) =
        (ground.connector(architecture, 1).await, ground.connector(architecture, 2).await);
    one.connect("a:1", "ann").await.unwrap();
    ground.step(&mut game).await;
    two.connect("b:1", "bob").await.unwrap();
    let refused = ground.within("an event", game.step()).await.unwrap_err();
    assert!(refused.to_string().contains("connector `c2` beside `c1`"), "{refused:#}");
    // The first one goes on, also after a restart.
    drop(one);
    let mut one = ground.connector(architecture, 1).await;
    one.connect("a:2", "ann").await.unwrap();
    ground.step(&mut game).await;
}

async fn events_on_a_topic_wait_for_the_game_at_the_start_and_for_nothing_later(ground: &Ground) {
    let architecture = Architecture::TwoTopics;
    let (name, urls) = ground.urls(1);
    let soon = Duration::from_millis(300);
    let alone = Connector::start(&ground.place, architecture, &name, &urls, soon).await;
    let Err(error) = alone else { panic!("a connector starts without a game") };
    assert!(error.to_string().contains("no game has answered"), "{error:#}");

    let mut game = ground.game(architecture).await;
    let mut connector = ground.joined(&mut game, architecture, 1).await;
    connector.connect("a:1", "ann").await.unwrap();
    ground.step(&mut game).await;
    assert_eq!(ground.push(&mut connector).await, said("a:1", "welcome, ann"));

    // Nobody is there: it is gone, and the next game does not get it.
    drop(game);
    connector.message("a:1", "to nobody").await.unwrap();
    let mut game = ground.game(architecture).await;
    connector.connect("a:1", "ann").await.unwrap();
    let first = ground.step(&mut game).await;
    assert!(matches!(first, queues::message::Event::Connect { .. }), "{first:?}");
}
