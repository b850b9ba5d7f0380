//! What calls see of partitions, delays and deaths.

use std::io::{ErrorKind, IoSlice};
use std::time::Duration;

use guildhall::status::reason;
use guildhall::{Code, Effect};

use crate::world::{CALLER, GREETER, begin, pair, say, spawn};

const TIMEOUT: Duration = Duration::from_secs(5);

#[tokio::test(start_paused = true)]
async fn a_partition_fails_calls_by_their_deadline_and_heals() {
    let cluster = pair(1).await;
    let (cx, env) = (cluster.cx(CALLER), cluster.env(CALLER));
    cluster.partition(CALLER, GREETER);
    let begun = env.now();
    let status = say(&cx, "you").await.unwrap_err();
    assert_eq!(env.now() - begun, TIMEOUT);
    assert_eq!((status.code(), status.effect()), (Code::DeadlineExceeded, Effect::MayHaveRun));

    cluster.heal(GREETER, CALLER);
    let begun = env.now();
    assert_eq!(say(&cx, "again").await.unwrap(), "hello, again");
    assert!(env.now() - begun < Duration::from_millis(10), "after {:?}", env.now() - begun);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_stalled_goes_on_when_the_partition_heals() {
    let cluster = pair(1).await;
    cluster.partition_one_way(GREETER, CALLER);
    let call = begin(&cluster, CALLER, "you").await;
    cluster.heal_all();
    assert_eq!(call.await.unwrap().unwrap(), "hello, you");
}

#[tokio::test(start_paused = true)]
async fn a_partition_parts_those_two_only() {
    let mut cluster = pair(1).await;
    cluster.start("dev.w1.caller.2", |app| app).await.unwrap();
    cluster.linked().await;
    cluster.partition(CALLER, GREETER);
    assert_eq!(say(&cluster.cx("dev.w1.caller.2"), "you").await.unwrap(), "hello, you");
}

#[tokio::test(start_paused = true)]
async fn an_app_that_starts_behind_a_partition_is_linked_when_it_heals() {
    let mut cluster = pair(1).await;
    cluster.kill(GREETER);
    cluster.partition(CALLER, GREETER);
    cluster.restart(GREETER).await.unwrap();
    let cx = cluster.cx(CALLER);
    // It dials several times; of the death it has learnt by silence (link.ping_ms).
    cluster.advance(Duration::from_secs(60)).await;
    assert_eq!(say(&cx, "you").await.unwrap_err().reason(), reason::NO_ROUTE);
    cluster.heal_all();
    cluster.linked().await;
    assert_eq!(say(&cx, "you").await.unwrap(), "hello, you");
}

#[tokio::test(start_paused = true)]
async fn a_delay_is_virtual_latency() {
    let cluster = pair(1).await;
    let (cx, env) = (cluster.cx(CALLER), cluster.env(CALLER));
    let millis = Duration::from_millis;
    cluster.delay(CALLER, GREETER, millis(30)..millis(50));
    let mut took = Vec::new();
    for _ in 0..20 {
        let begun = env.now();
        say(&cx, "you").await.unwrap();
        took.push(env.now() - begun);
    }
    // There and back; each may take a millisecond more until tokio's clock shows it.
    let (least, most) = (*took.iter().min().unwrap(), *took.iter().max().unwrap());
    assert!(least >= millis(60) && most <= millis(102), "{took:?}");
    assert!(most - least >= millis(5), "no jitter: {took:?}");

    cluster.delay_one_way(GREETER, CALLER, millis(1000)..millis(1000));
    let begun = env.now();
    say(&cx, "you").await.unwrap();
    let took = env.now() - begun;
    assert!(took >= millis(1030) && took <= millis(1051), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_kill_fails_calls_in_flight_at_once() {
    let mut cluster = pair(1).await;
    let env = cluster.env(CALLER);
    let call = begin(&cluster, CALLER, "slow").await;
    let begun = env.now();
    cluster.kill(GREETER);
    let status = call.await.unwrap().unwrap_err();
    assert_eq!((status.reason(), status.effect()), (reason::LOST, Effect::MayHaveRun));
    assert!(env.now() - begun <= Duration::from_millis(1), "after {:?}", env.now() - begun);

    let status = say(&cluster.cx(CALLER), "you").await.unwrap_err();
    assert_eq!(status.effect(), Effect::NotRun);
}

#[tokio::test(start_paused = true)]
async fn a_death_behind_a_partition_is_seen_when_it_heals() {
    let mut cluster = pair(1).await;
    let call = begin(&cluster, CALLER, "slow").await;
    cluster.partition(CALLER, GREETER);
    cluster.kill(GREETER);
    cluster.advance(TIMEOUT / 2).await;
    assert!(!call.is_finished(), "nobody has told it");
    cluster.heal_all();
    assert_eq!(call.await.unwrap().unwrap_err().reason(), reason::LOST);
}

#[tokio::test(start_paused = true)]
async fn sockets_of_a_killed_app_are_reset_and_dead_also_after_its_restart() {
    let mut cluster = pair(1).await;
    let env = cluster.env(GREETER);
    let listener = env.net().bind("localhost:80").await.unwrap();
    let conn = env.net().connect("localhost:80").await.unwrap();
    let peer = cluster.client_env().net().connect("dev.w1.greeter.1:80").await.unwrap();
    let accepts = spawn(async move {
        let _open = (listener.accept().await.unwrap(), listener.accept().await.unwrap());
        listener.accept().await.unwrap_err().kind()
    });
    cluster.advance(Duration::from_millis(1)).await;
    cluster.kill(GREETER);
    assert_eq!(accepts.await.unwrap(), ErrorKind::NetworkDown);
    std::future::poll_fn(|cx| peer.poll_readable(cx)).await.unwrap();
    let read = peer.try_read(&mut bytes::BytesMut::with_capacity(8)).unwrap_err();
    assert_eq!(read.kind(), ErrorKind::ConnectionReset);
    cluster.restart(GREETER).await.unwrap();
    let written = conn.try_write_vectored(&[IoSlice::new(b"x")]).unwrap_err();
    assert_eq!(written.kind(), ErrorKind::ConnectionReset);
    let dialled = env.net().connect("localhost:80").await.err().unwrap();
    assert_eq!(dialled.kind(), ErrorKind::NetworkDown);
    let bound = env.net().bind("localhost:80").await.err().unwrap();
    assert_eq!(bound.kind(), ErrorKind::NetworkDown);
    cluster.env(GREETER).net().bind("localhost:80").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_killed_apps_call_to_itself_fails_within_its_deadline() {
    let mut cluster = pair(1).await;
    let call = begin(&cluster, GREETER, "slow").await;
    cluster.kill(GREETER);
    cluster.advance(TIMEOUT * 2).await;
    assert!(call.is_finished(), "it waits past its deadline");
}
