//! Links over NATS: connections, and apps that have no other.

use std::io::{self, ErrorKind, IoSlice};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::StreamExt as _;
use guildhall::config::ConfigBuilder;
use guildhall::{App, Config, Cx, RunningApp, Status};
use guildhall_core::Env;
use guildhall_core::env::{Conn, Listener, Net as _};
use guildhall_nats::Nats;
use proto::hello::{Greeter, GreeterClient, GreeterServer, HelloReq, HelloRsp};
use servers::{NATS, PASSWORD, Proxy, Server};

use crate::ground::until_it_works;
use crate::server::{at, fresh, is_there, seams};

const WITHIN: Duration = Duration::from_secs(60);

async fn within<T>(done: impl Future<Output = T>) -> T {
    let env = Env::real();
    env.until(env.now() + WITHIN, done).await.expect("it is done within a minute")
}

/// Both ends of a connection.
async fn pair(
    net: &guildhall_nats::NatsNet,
    listener: &dyn Listener,
) -> (Box<dyn Conn>, Box<dyn Conn>) {
    let addr = listener.local_addr().unwrap().to_string();
    let accepted = async { (listener.accept().await.unwrap().attach)().unwrap() };
    let (near, far) = tokio::join!(net.connect(&addr), accepted);
    (near.unwrap(), far)
}

async fn write(conn: &dyn Conn, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        std::future::poll_fn(|cx| conn.poll_writable(cx)).await?;
        match conn.try_write_vectored(&[IoSlice::new(bytes)]) {
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What comes until the end.
async fn read_all(conn: &dyn Conn) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let mut buf = BytesMut::with_capacity(10_000);
        std::future::poll_fn(|cx| conn.poll_readable(cx)).await?;
        match conn.try_read(&mut buf) {
            Ok(0) => return Ok(all),
            Ok(_) => all.extend_from_slice(&buf),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn megabytes_go_both_ways_at_once_and_end_where_they_ended() {
    if !is_there("links::megabytes_go_both_ways_at_once_and_end_where_they_ended") {
        return;
    }
    let seams = seams(&fresh(), "").await;
    let listener = seams.net.bind("").await.unwrap();
    let (near, far) = pair(&seams.net, &*listener).await;
    let there: Vec<u8> = (0..3_000_000u32).map(|n| n.to_le_bytes()[0]).collect();
    let back: Vec<u8> = (0..2_000_000u32).map(|n| (n / 7).to_le_bytes()[0]).collect();
    within(async {
        let (mut got, mut sent) = (Vec::new(), 0);
        // Each end writes all of its bytes, and reads all of the other's, before it closes.
        let echo = async {
            let mut all = Vec::new();
            let mut left = &back[..];
            while all.len() < there.len() || !left.is_empty() {
                let mut buf = BytesMut::with_capacity(5_000);
                if let Ok(n) = far.try_read(&mut buf) {
                    assert_ne!(n, 0);
                    all.extend_from_slice(&buf);
                } else if let Ok(n) =
                    far.try_write_vectored(&[IoSlice::new(left)]).or_else(|error| {
                        match error.kind() {
                            ErrorKind::WouldBlock => Ok(0),
                            _ => Err(error),
                        }
                    })
                {
                    left = &left[n..];
                }
                tokio::task::yield_now().await;
            }
            drop(far);
            all
        };
        let (all, ()) = tokio::join!(echo, async {
            while got.len() < back.len() || sent < there.len() {
                let mut buf = BytesMut::with_capacity(7_000);
                if near.try_read(&mut buf).is_ok() {
                    got.extend_from_slice(&buf);
                } else if let Ok(n) = near.try_write_vectored(&[IoSlice::new(&there[sent..])]) {
                    sent += n;
                }
                tokio::task::yield_now().await;
            }
        });
        assert!(all == there && got == back);
        assert_eq!(read_all(&*near).await.unwrap(), b"");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_sleeps_stops_its_writer_and_no_other() {
    if !is_there("links::a_reader_that_sleeps_stops_its_writer_and_no_other") {
        return;
    }
    let seams = seams(&fresh(), "").await;
    let listener = seams.net.bind("").await.unwrap();
    let (asleep, _far) = pair(&seams.net, &*listener).await;
    let (awake, far) = pair(&seams.net, &*listener).await;
    let env = Env::real();
    let half_a_second = env.now() + Duration::from_millis(500);
    let megabyte = vec![1; 1 << 20];
    assert!(env.until(half_a_second, write(&*asleep, &megabyte)).await.is_none());
    let written = async {
        write(&*awake, &megabyte).await.unwrap();
        drop(awake);
    };
    let (read, ()) = within(async { tokio::join!(read_all(&*far), written) }).await;
    assert_eq!(read.unwrap().len(), megabyte.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_where_nobody_listens_is_refused_at_once() {
    if !is_there("links::an_address_where_nobody_listens_is_refused_at_once") {
        return;
    }
    let seams = seams(&fresh(), "").await;
    let listener = seams.net.bind("").await.unwrap();
    let gone = listener.local_addr().unwrap().to_string();
    drop(listener);
    let refused = within(seams.net.connect(&gone)).await.err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    for wrong in ["127.0.0.1:80", "[::1]:1", "[fd00::1]:2", "here", ""] {
        let refused = seams.net.connect(wrong).await.err().unwrap();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{wrong}");
        assert!(refused.to_string().contains("link.over"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_strangers_end_one_connection_and_harm_no_listener() {
    if !is_there("links::messages_of_strangers_end_one_connection_and_harm_no_listener") {
        return;
    }
    let prefix = fresh();
    let seams = seams(&prefix, "").await;
    let listener = seams.net.bind("").await.unwrap();
    let user = async_nats::ConnectOptions::with_user_and_password("game".into(), PASSWORD.into());
    let stranger = user.connect(servers::shared(&NATS).address()).await.unwrap();
    // Whoever has the server sees the subjects.
    let mut spy = stranger.subscribe(format!("{prefix}.test.link.>")).await.unwrap();
    // A flush waits for no answer: what the spy hears of itself does.
    stranger.publish(format!("{prefix}.test.link.itself"), "".into()).await.unwrap();
    within(spy.next()).await.unwrap();
    let (near, far) = pair(&seams.net, &*listener).await;
    let knock = within(spy.next()).await.unwrap().subject;
    let odd: [&[u8]; 6] = [b"", b"\0", b"\x01short", &[9; 40], &[2; 9], &[0; 18]];
    for bytes in odd {
        stranger.publish(knock.clone(), bytes.to_vec().into()).await.unwrap();
    }
    let opened = within(spy.next()).await.unwrap().subject;
    let opened = if opened == knock { within(spy.next()).await.unwrap().subject } else { opened };
    stranger.publish(opened, b"\x02\0\0\0\0\0\0\0\x07late".to_vec().into()).await.unwrap();
    stranger.flush().await.unwrap();
    let ended = within(async { tokio::join!(read_all(&*near), read_all(&*far)) }).await;
    assert_eq!(ended.0.err().unwrap().kind(), ErrorKind::ConnectionReset);
    assert_eq!(ended.1.err().unwrap().kind(), ErrorKind::ConnectionReset);
    let (near, far) = within(pair(&seams.net, &*listener)).await;
    write(&*near, b"still here").await.unwrap();
    drop(near);
    assert_eq!(within(read_all(&*far)).await.unwrap(), b"still here");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_server_ends_connections_and_listeners_go_on_with_the_next_one() {
    if !is_there("links::a_lost_server_ends_connections_and_listeners_go_on_with_the_next_one") {
        return;
    }
    let mut server = Server::new(&NATS);
    let proxy = Proxy::to(server.address());
    // Not there yet: it listens as soon as it is.
    let seams = at(&proxy.address(), "g", "").await;
    let listener = seams.net.bind("").await.unwrap();
    server.start();
    within(until_it_works(async || seams.connected().await)).await;
    for fault in ["cut", "killed"] {
        let (near, far) = within(pair(&seams.net, &*listener)).await;
        match fault {
            "cut" => proxy.cut(),
            _ => {
                server.kill();
                server.start();
            }
        }
        let ended = within(async { tokio::join!(read_all(&*near), read_all(&*far)) }).await;
        assert_eq!(ended.0.err().unwrap().kind(), ErrorKind::ConnectionReset, "{fault}");
        assert_eq!(ended.1.err().unwrap().kind(), ErrorKind::ConnectionReset, "{fault}");
        within(until_it_works(async || seams.connected().await)).await;
    }
}

struct Plain;

impl Greeter for Plain {
    async fn say(&self, _cx: &Cx, req: HelloReq) -> Result<HelloRsp, Status> {
        Ok(HelloRsp { text: format!("hello, {}", req.name) })
    }
}

fn app(id: &str, prefix: &str) -> ConfigBuilder {
    let url = format!("{}?prefix={prefix}&deadline_ms=30000", servers::shared(&NATS).url());
    Config::builder()
        .set("app.id", id)
        .set("app.discovery", url.clone())
        .set("link.over", url)
        .set("link.secret", "a secret of all apps, long enough")
}

async fn start(config: ConfigBuilder) -> RunningApp {
    let app = App::with(config.build().unwrap()).plugin(Nats).serve(GreeterServer::new(Plain));
    app.start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_call_each_other_over_nats_alone() {
    if !is_there("links::apps_call_each_other_over_nats_alone") {
        return;
    }
    let prefix = fresh();
    let server = start(app("test.w1.greeter.1", &prefix)).await;
    let config = app("test.w1.caller.1", &prefix).build().unwrap();
    let caller = App::with(config).plugin(Nats).start().await.unwrap();
    let cx = caller.cx();
    let say = async |name: String| GreeterClient::new(&cx).say(HelloReq { name }).await;
    within(until_it_works(async || say("you".into()).await.map_err(|status| status.to_string())))
        .await;
    let name = "x".repeat(3 << 20);
    let (one, two) = within(async { tokio::join!(say(name.clone()), say(name.clone())) }).await;
    assert_eq!(
        (one.unwrap().text.len(), two.unwrap().text.len()),
        (name.len() + 7, name.len() + 7)
    );
    caller.shutdown().await;
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_without_a_secret_does_not_link_over_a_server_that_others_reach() {
    if !is_there("links::an_app_without_a_secret_does_not_link_over_a_server_that_others_reach") {
        return;
    }
    let config = app("test.w1.greeter.1", &fresh()).set("link.secret", "").build().unwrap();
    let refused = App::with(config).plugin(Nats).start().await.err().unwrap();
    assert!(refused.to_string().contains("link.secret"), "{refused}");
}
