//! Streams of bytes between apps.

use std::time::Duration;

use guildhall::status::reason;
use guildhall::{App, AppId, Code, Effect, RunningApp, Stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::world::{config, config_with, spawn};

/// An app that echoes streams under `echo` and tells its caller under `caller`.
async fn server(more: &[(&str, i64)]) -> RunningApp {
    let config = config_with("dev.w1.echo.1", "127.0.0.1:0", more);
    let echo = |_cx, stream: Stream| async move {
        let (mut read, mut write) = tokio::io::split(stream);
        let _ended = tokio::io::copy(&mut read, &mut write).await;
        let _closed = write.shutdown().await;
    };
    let caller = |cx: guildhall::Cx, mut stream: Stream| async move {
        let caller = cx.caller().map(ToString::to_string).unwrap_or_default();
        let _ended = stream.write_all(caller.as_bytes()).await;
        let _closed = stream.shutdown().await;
    };
    App::with(config).on_stream("echo", echo).on_stream("caller", caller).start().await.unwrap()
}

/// An app that knows `server` and nothing else.
async fn opener(server: &RunningApp) -> RunningApp {
    let list = format!("static:{}", server.link_addr().unwrap());
    let config = config("dev.w1.opener.1", "", "secret");
    let discovery = guildhall::discovery::static_list::StaticList::parse(&list["static:".len()..]);
    let discovery = std::sync::Arc::new(discovery.unwrap());
    let app = App::with(config).discovery(discovery).start().await.unwrap();
    let mut changes = app.cx().mesh_changes();
    while app.cx().nodes().len() < 2 {
        changes.changed().await;
    }
    app
}

fn echo() -> AppId {
    "dev.w1.echo.1".parse().unwrap()
}

async fn all_of(mut stream: Stream) -> String {
    let mut all = String::new();
    stream.read_to_string(&mut all).await.unwrap();
    all
}

#[tokio::test]
async fn a_stream_carries_bytes_both_ways_to_its_end() {
    let server = server(&[]).await;
    let app = opener(&server).await;
    let stream = app.cx().open_stream(&echo(), "echo").await.unwrap();
    let (mut read, mut write) = tokio::io::split(stream);
    // More than all windows and buffers on the way hold.
    let sent = vec![7; 8 << 20];
    let writing = {
        let sent = sent.clone();
        spawn(async move {
            write.write_all(&sent).await.unwrap();
            write.shutdown().await.unwrap();
            write
        })
    };
    let mut received = Vec::new();
    read.read_to_end(&mut received).await.unwrap();
    assert_eq!(received.len(), sent.len());
    writing.await.unwrap();
}

#[tokio::test]
async fn streams_do_not_wait_for_each_other() {
    let server = server(&[]).await;
    let app = opener(&server).await;
    // Nobody reads the echo of this one, so it stands still.
    let mut stuck = app.cx().open_stream(&echo(), "echo").await.unwrap();
    let filled = async { stuck.write_all(&vec![0; 4 << 20]).await };
    let limit = app.cx().env().now() + Duration::from_millis(200);
    assert!(app.cx().env().until(limit, filled).await.is_none(), "a window has a bound");

    let mut other = app.cx().open_stream(&echo(), "echo").await.unwrap();
    other.write_all(b"hello").await.unwrap();
    let mut hello = [0; 5];
    other.read_exact(&mut hello).await.unwrap();
    assert_eq!(&hello, b"hello");
}

#[tokio::test]
async fn the_handler_of_a_stream_knows_who_has_opened_it() {
    let server = server(&[]).await;
    let app = opener(&server).await;
    let stream = app.cx().open_stream(&echo(), "caller").await.unwrap();
    assert_eq!(all_of(stream).await, "dev.w1.opener.1");
}

#[tokio::test]
async fn an_app_opens_streams_to_itself() {
    let app = server(&[]).await;
    let mut stream = app.cx().open_stream(&echo(), "echo").await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(all_of(stream).await, "hello");
}

#[tokio::test]
async fn a_stream_that_nobody_serves_is_refused_and_says_what_there_is() {
    let server = server(&[]).await;
    let app = opener(&server).await;
    let refused = app.cx().open_stream(&echo(), "ecko").await.unwrap_err();
    assert_eq!((refused.code(), refused.effect()), (Code::Unimplemented, Effect::NotRun));
    assert!(refused.message().contains("\"echo\""), "{refused}");
    let nowhere = "dev.w1.nobody.1".parse().unwrap();
    let refused = app.cx().open_stream(&nowhere, "echo").await.unwrap_err();
    assert_eq!((refused.reason(), refused.effect()), (reason::NO_ROUTE, Effect::NotRun));
}

#[tokio::test]
async fn streams_have_a_bound() {
    let server = server(&[("stream.streams_max", 2)]).await;
    let app = opener(&server).await;
    let cx = app.cx();
    let first = cx.open_stream(&echo(), "echo").await.unwrap();
    let _second = cx.open_stream(&echo(), "echo").await.unwrap();
    let refused = cx.open_stream(&echo(), "echo").await.unwrap_err();
    assert_eq!((refused.code(), refused.effect()), (Code::ResourceExhausted, Effect::NotRun));
    drop(first);
    // The place is free when the other side has seen the end.
    while cx.open_stream(&echo(), "echo").await.is_err() {
        cx.env().sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_stream_ends_with_the_app_at_its_other_end_and_a_new_one_opens_to_its_next_life() {
    let first = server(&[]).await;
    let app = opener(&first).await;
    let mut stream = app.cx().open_stream(&echo(), "echo").await.unwrap();
    let address = first.link_addr().unwrap().to_string();
    first.cx().env().kill();
    let mut byte = [0];
    assert!(matches!(stream.read(&mut byte).await, Ok(0) | Err(_)));
    drop(first);

    let again = config("dev.w1.echo.1", &address, "secret");
    let hello = |_cx, mut stream: Stream| async move {
        let _ended = stream.write_all(b"again").await;
        let _closed = stream.shutdown().await;
    };
    let _again = App::with(again).on_stream("echo", hello).start().await.unwrap();
    let stream = loop {
        match app.cx().open_stream(&echo(), "echo").await {
            Ok(stream) => break stream,
            Err(_not_yet) => app.cx().env().sleep(Duration::from_millis(5)).await,
        }
    };
    assert_eq!(all_of(stream).await, "again");
}

#[tokio::test]
async fn draining_waits_for_streams_and_opens_none() {
    let server = server(&[("app.drain_ms", 20_000)]).await;
    let app = opener(&server).await;
    let mut stream = app.cx().open_stream(&echo(), "echo").await.unwrap();
    let target = echo();
    let draining = spawn(server.shutdown());
    let refused = loop {
        match app.cx().open_stream(&target, "echo").await {
            Err(status) => break status,
            Ok(_early) => app.cx().env().sleep(Duration::from_millis(2)).await,
        }
    };
    assert_eq!(refused.effect(), Effect::NotRun);
    stream.write_all(b"still there").await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(all_of(stream).await, "still there");
    draining.await.unwrap();
}
