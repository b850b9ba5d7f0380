//! Logins and pushes that cross each other.

use std::sync::Arc;

use bytes::BytesMut;
use guildhall_core::status::reason;
use guildhall_wire::Generation;

use super::{Client, Clients};
use crate::form::Form;
use crate::out::{End, Outbox};

fn client(clients: &Clients, session: &str) -> Arc<Client> {
    let out = Arc::new(Outbox::new(1000));
    let client = Client::new(("bob".into(), session.into()), 0, Form::Stream, out);
    let client = Arc::new(client);
    clients.enter(Arc::clone(&client));
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
    match client.out.take(&mut bytes) {
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
        clients.leave(&both[0]);
        assert!(push(&clients, 8, 1, " hello"), "{order:?}");
        clients.leave(&both[1]);
        assert!(!push(&clients, 8, 2, "gone"));
    }
}
