//! Logins and pushes that cross each other.

use std::sync::Arc;

use bytes::BytesMut;
use guildhall_core::status::reason;
use guildhall_wire::{Generation, Packet};

use super::{Client, Clients};
use crate::form::Form;
use crate::out::{End, Outbox, Total};

fn client(clients: &Clients, session: &str) -> Arc<Client> {
    let out = Arc::new(Outbox::new(1000, Total::new(1000)));
    let client = Client::new(("bob".into(), session.into()), 0, Form::Stream, out);
    let client = Arc::new(client);
    clients.add(Arc::clone(&client));
    client
}

/// A login under the first grant.
fn login(number: u64) -> Generation {
    Generation { epoch: 1, number }
}

fn push(clients: &Clients, generation: u64, seq: u64, text: &'static str) -> bool {
    clients.push("bob", login(generation), seq, |_, out| out.extend_from_slice(text.as_bytes()))
}

fn queued(client: &Client) -> Result<String, End> {
    let mut bytes = BytesMut::new();
    match client.out.take_queued(&mut bytes) {
        Some(end) => Err(end),
        None => Ok(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

#[test]
fn a_push_that_overtakes_the_welcome_comes_after_it() {
    let clients = Clients::default();
    let client = client(&clients, "one");
    assert!(push(&clients, 7, 1, "first "));
    assert!(push(&clients, 6, 9, "of an earlier session "));
    assert!(push(&clients, 7, 2, "second "));
    assert_eq!(queued(&client).unwrap(), "");
    clients.opened(&client, login(7), b"welcome ");
    assert!(push(&clients, 7, 3, "third"));
    assert_eq!(queued(&client).unwrap(), "welcome first second third");
}

#[test]
fn a_kick_finds_a_session_that_is_still_being_opened() {
    let clients = Clients::default();
    let client = client(&clients, "one");
    clients.kick("bob", "another");
    assert_eq!(queued(&client).unwrap(), "");
    clients.kick("bob", "one");
    clients.opened(&client, login(7), b"welcome");
    assert!(matches!(queued(&client), Err(End::Kick(reason::KICKED, _))));
}

#[test]
fn of_two_logins_the_later_generation_stays_whichever_is_heard_first() {
    for order in [[0, 1], [1, 0]] {
        let clients = Clients::default();
        let both = [client(&clients, "one"), client(&clients, "two")];
        for at in order {
            clients.opened(&both[at], login(7 + at as u64), b"welcome");
        }
        assert!(matches!(queued(&both[0]), Err(End::Kick(reason::KICKED, _))), "{order:?}");
        assert_eq!(queued(&both[1]).unwrap(), "welcome", "{order:?}");
        clients.remove(&both[0]);
        assert!(push(&clients, 8, 1, " hello"), "{order:?}");
        clients.remove(&both[1]);
        assert!(!push(&clients, 8, 2, "gone"));
    }
}

#[test]
fn a_push_that_did_not_arrive_makes_a_reset() {
    let clients = Clients::default();
    let client = client(&clients, "one");
    clients.opened(&client, login(7), b"");
    let resets = || {
        let mut queued = BytesMut::from(queued(&client).unwrap().as_bytes());
        let mut resets = Vec::new();
        while let Some(packet) = Packet::take(&mut queued, 1000).unwrap() {
            resets.push(matches!(packet, Packet::Reset(_)));
        }
        resets
    };
    let push = |seq| {
        let put = |client: &Client, out: &mut BytesMut| {
            client.form.put_small(out, &Packet::Pong { id: seq });
        };
        assert!(clients.push("bob", login(7), seq, put));
    };
    [1, 2].into_iter().for_each(push);
    assert_eq!(resets(), [false, false]);
    // The third one is lost.
    push(4);
    assert_eq!(resets(), [true, false]);
    push(5);
    assert_eq!(resets(), [false]);
    // Another owner of the session numbers anew, and its first is lost.
    push(2);
    push(3);
    assert_eq!(resets(), [true, false, false]);
}

#[test]
fn a_first_push_that_did_not_arrive_makes_a_reset_too() {
    let clients = Clients::default();
    let client = client(&clients, "one");
    // The second one overtakes the welcome, and the first never comes.
    assert!(push(&clients, 7, 2, "second"));
    clients.opened(&client, login(7), b"");
    let mut queued = BytesMut::from(queued(&client).unwrap().as_bytes());
    assert!(matches!(Packet::take(&mut queued, 1000), Ok(Some(Packet::Reset(_)))));
    assert_eq!(&queued[..], b"second");
}
