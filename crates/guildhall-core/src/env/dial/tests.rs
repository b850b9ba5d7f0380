//! Hosts with several addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::net::{TcpListener, TcpSocket};

use super::*;

/// A socket that listens and whose queue is full: the system drops what dials it, so it never answers.
struct BlackHole {
    address: SocketAddr,
    _listening: TcpListener,
    _queued: Vec<TcpStream>,
}

impl BlackHole {
    async fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let listening = socket.listen(1).unwrap();
        let address = listening.local_addr().unwrap();
        let mut queued = Vec::new();
        while let Some(stream) = within(STAGGER, TcpStream::connect(address)).await {
            queued.push(stream.unwrap());
            assert!(queued.len() < 64, "the queue of {address} is never full");
        }
        Self { address, _listening: listening, _queued: queued }
    }
}

#[tokio::test]
async fn an_address_that_never_answers_does_not_keep_a_host_from_being_reached() {
    let (one, two) = (BlackHole::new().await, BlackHole::new().await);
    let listening = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let good = listening.local_addr().unwrap();
    let limit = Duration::from_secs(4);
    let dialled = within(limit, dial(vec![one.address, two.address, good])).await;
    let stream = dialled.expect("connected within 4 s, though two addresses never answer");
    assert_eq!(stream.unwrap().peer_addr().unwrap(), good);
}

#[tokio::test]
async fn an_address_that_refuses_is_followed_by_the_next_at_once_and_all_are_named_where_all_fail()
{
    let closed = async || {
        let listening = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        listening.local_addr().unwrap()
    };
    let (one, two) = (closed().await, closed().await);
    let error = dial(vec![one, two]).await.unwrap_err();
    let text = error.to_string();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{text}");
    assert!(text.contains(&one.to_string()) && text.contains(&two.to_string()), "{text}");
    assert_eq!(dial(Vec::new()).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn the_two_families_of_addresses_are_dialled_by_turns() {
    let four = |n| SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, n)), 1);
    let six = |n| SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, n)), 1);
    let order = by_turns(vec![six(1), six(2), six(3), four(1)]);
    assert_eq!(order, [six(1), four(1), six(2), six(3)]);
}
