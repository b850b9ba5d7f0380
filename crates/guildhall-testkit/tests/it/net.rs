//! The simulated network as sockets see it, without apps.

use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice, Result};
use std::time::Duration;

use bytes::BytesMut;
use guildhall::Env;
use guildhall::env::{Conn, Listener};
use guildhall_testkit::Cluster;

use crate::world::spawn;

const MS: Duration = Duration::from_millis(1);

/// `client-1` listens, `client-2` has dialled.
struct Net {
    cluster: Cluster,
    server: Env,
    client: Env,
    listener: Box<dyn Listener>,
}

async fn net() -> Net {
    let mut cluster = Cluster::new(1);
    let (server, client) = (cluster.client_env(), cluster.client_env());
    let listener = server.net().bind("0.0.0.0:80").await.unwrap();
    Net { cluster, server, client, listener }
}

impl Net {
    async fn connect(&self) -> (Box<dyn Conn>, Box<dyn Conn>) {
        let near = self.client.net().connect("client-1:80").await.unwrap();
        let far = self.listener.accept().await.unwrap();
        (near, (far.attach)().unwrap())
    }
}

async fn read(conn: &dyn Conn) -> Result<BytesMut> {
    let mut bytes = BytesMut::with_capacity(64 * 1024);
    poll_fn(|cx| conn.poll_readable(cx)).await?;
    conn.try_read(&mut bytes)?;
    Ok(bytes)
}

async fn write(conn: &dyn Conn, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        poll_fn(|cx| conn.poll_writable(cx)).await?;
        bytes = &bytes[conn.try_write_vectored(&[IoSlice::new(bytes)])?..];
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn bytes_arrive_in_order_whatever_the_latency() {
    let net = net().await;
    net.cluster.delay("client-1", "client-2", MS..MS * 100);
    let (near, far) = net.connect().await;
    let sent: Vec<u8> = (0..=255).collect();
    for byte in &sent {
        write(&*near, &[*byte]).await.unwrap();
    }
    let mut got = Vec::new();
    while got.len() < sent.len() {
        got.extend_from_slice(&read(&*far).await.unwrap());
    }
    assert_eq!(got, sent);
}

#[tokio::test(start_paused = true)]
async fn a_writer_waits_for_its_reader() {
    let net = net().await;
    let (near, far) = net.connect().await;
    const ALL: usize = 10 << 20;
    let writing = spawn(async move { write(&*near, &vec![7; ALL]).await });
    net.cluster.advance(Duration::from_secs(10)).await;
    assert!(!writing.is_finished(), "{ALL} bytes were taken from a writer whose reader sleeps");
    let mut got = 0;
    while got < ALL {
        got += read(&*far).await.unwrap().len();
    }
    writing.await.unwrap().unwrap();
    assert_eq!(read(&*far).await.unwrap().len(), 0, "the end");
}

#[tokio::test(start_paused = true)]
async fn a_closed_end_is_an_end_to_its_reader_and_a_reset_to_its_writer() {
    let net = net().await;
    let (near, far) = net.connect().await;
    write(&*near, b"last words").await.unwrap();
    drop(near);
    assert_eq!(&read(&*far).await.unwrap()[..], b"last words");
    assert_eq!(read(&*far).await.unwrap().len(), 0);
    write(&*far, b"anybody?").await.unwrap();
    net.cluster.advance(MS * 5).await;
    assert_eq!(write(&*far, b"?").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[tokio::test(start_paused = true)]
async fn bytes_that_nobody_read_are_a_reset() {
    let net = net().await;
    let (near, far) = net.connect().await;
    write(&*near, b"unread").await.unwrap();
    net.cluster.advance(MS * 5).await;
    drop(far);
    assert_eq!(read(&*near).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn whoever_dials_where_nobody_listens_is_refused() {
    let net = net().await;
    let refused = async |addr| net.client.net().connect(addr).await.err().unwrap().kind();
    assert_eq!(refused("client-1:81").await, ErrorKind::ConnectionRefused);
    assert_eq!(refused("localhost:80").await, ErrorKind::ConnectionRefused);
    assert_eq!(refused("client-9:80").await, ErrorKind::NotFound);
    let Net { client, listener, cluster: _cluster, .. } = net;
    drop(listener);
    let gone = client.net().connect("client-1:80").await.err().unwrap();
    assert_eq!(gone.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_is_dropped_resets_who_waits() {
    let net = net().await;
    let near = net.client.net().connect("client-1:80").await.unwrap();
    let Net { listener, cluster: _cluster, .. } = net;
    drop(listener);
    assert_eq!(read(&*near).await.unwrap().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_port_is_bound_once_and_free_ports_are_found() {
    let net = net().await;
    let again = net.server.net().bind("127.0.0.1:80").await.err().unwrap();
    assert_eq!(again.kind(), ErrorKind::AddrInUse);
    let elsewhere = net.server.net().bind("client-2:80").await.err().unwrap();
    assert_eq!(elsewhere.kind(), ErrorKind::AddrNotAvailable);
    let free = net.server.net().bind("localhost:0").await.unwrap().local_addr().unwrap();
    assert!(free.port() != 0 && free.ip().is_loopback(), "{free}");
    net.client.net().bind("0.0.0.0:80").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn each_host_has_a_loopback_of_its_own() {
    let net = net().await;
    let own = net.server.net().connect("127.0.0.1:80").await.unwrap();
    let accepted = net.listener.accept().await.unwrap();
    write(&*own, b"me").await.unwrap();
    assert_eq!(&read(&*(accepted.attach)().unwrap()).await.unwrap()[..], b"me");
}

#[tokio::test(start_paused = true)]
async fn a_connect_stalls_until_the_partition_heals() {
    let net = net().await;
    net.cluster.partition("client-1", "client-2");
    let connect = || net.client.net().connect("client-1:80");
    let deadline = net.client.now() + MS * 500;
    assert!(net.client.until(deadline, connect()).await.is_none(), "it came through");
    assert_eq!(net.client.now(), deadline);
    let (begun, heals) = (net.client.now(), async {
        net.cluster.advance(MS * 500).await;
        net.cluster.heal_all();
        std::future::pending::<()>().await;
    });
    tokio::select! {
        biased;
        conn = connect() => drop(conn.unwrap()),
        () = heals => {}
    }
    assert!(net.client.now() - begun >= MS * 500);
}

#[tokio::test(start_paused = true)]
async fn what_was_stalled_keeps_its_order() {
    let net = net().await;
    let (near, far) = net.connect().await;
    net.cluster.delay("client-1", "client-2", MS * 20..MS * 30);
    let mut got = Vec::new();
    for (n, cut) in [true, false, true, false].into_iter().enumerate() {
        let n = u8::try_from(n).unwrap();
        write(&*near, &[n * 2]).await.unwrap();
        net.cluster.advance(MS * 10).await;
        match cut {
            true => net.cluster.partition("client-1", "client-2"),
            false => net.cluster.heal("client-1", "client-2"),
        }
        write(&*near, &[n * 2 + 1]).await.unwrap();
    }
    while got.len() < 8 {
        got.extend_from_slice(&read(&*far).await.unwrap());
    }
    assert_eq!(got, [0, 1, 2, 3, 4, 5, 6, 7]);
}
