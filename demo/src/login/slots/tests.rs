//! Whose turn it is.

use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::sync::Arc;

use futures_util::FutureExt as _;

use super::{Full, Party, Slots};

fn network(last: u8) -> Party {
    Party::Network(IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)))
}

fn known(name: &str) -> Party {
    Party::Known(name.to_owned())
}

#[test]
fn a_slot_is_used_again_with_the_same_memory() {
    let slots = Slots::new(1, 0);
    let take = || Slots::take(&slots, network(1)).now_or_never().unwrap().unwrap();
    let mut slot = take();
    let first = slot.blocks(8).as_ptr();
    drop(slot);
    let mut slot = take();
    assert_eq!(slot.blocks(8).as_ptr(), first);
    assert_eq!(slot.blocks(16).len(), 16, "a hash of other settings gets what it needs");
    slot.shrink(8);
    drop(slot);
    assert_eq!(slots.state.lock().free[0].len(), 0, "what is unusual is given back");
}

#[test]
fn memory_of_slots_is_given_back_when_nobody_has_logged_in_for_a_while() {
    let slots = Slots::new(2, 0);
    let held = |slots: &Slots| slots.state.lock().free.iter().map(Vec::len).sum::<usize>();
    assert_eq!(held(&slots), 0, "there is none before the first hash");
    let mut slot = Slots::take(&slots, network(1)).now_or_never().unwrap().unwrap();
    slot.blocks(8);
    slots.rest();
    slots.rest();
    assert_eq!(slot.blocks(8).len(), 8, "who has a slot keeps it");
    drop(slot);
    assert_eq!(held(&slots), 8);
    drop(Slots::take(&slots, network(1)).now_or_never().unwrap().unwrap());
    slots.rest();
    assert_eq!(held(&slots), 8, "it was used since the last look");
    slots.rest();
    assert_eq!(held(&slots), 0);
    let mut again = Slots::take(&slots, network(1)).now_or_never().unwrap().unwrap();
    assert_eq!(again.blocks(8).len(), 8);
}

#[test]
fn a_network_that_asks_often_waits_for_itself_and_known_accounts_come_first() {
    let slots = Slots::new(1, 100);
    let slot = Slots::take(&slots, network(1)).now_or_never().unwrap().unwrap();
    let parties =
        [network(1), network(1), network(1), network(2), known("ada"), known("ada"), known("bob")];
    let mut waiters: Vec<_> =
        parties.map(|party| (party.clone(), Box::pin(Slots::take(&slots, party)))).into();
    assert!(waiters.iter_mut().all(|(_, waiter)| waiter.now_or_never_by_ref().is_none()));
    let mut order = Vec::new();
    let mut slot = Some(slot);
    while !waiters.is_empty() {
        drop(slot.take());
        let mut ready = waiters.iter_mut().map(|(_, waiter)| waiter.now_or_never_by_ref());
        let at = ready.position(|slot_of| match slot_of {
            Some(taken) => {
                slot = Some(taken.unwrap());
                true
            }
            None => false,
        });
        order.push(waiters.remove(at.unwrap()).0);
    }
    let expected =
        [known("ada"), known("bob"), known("ada"), network(1), network(2), network(1), network(1)];
    assert_eq!(order, expected);
}

#[test]
fn one_network_does_not_fill_the_queue_for_others() {
    let slots = Slots::new(1, 3);
    let slot = Slots::take(&slots, network(1)).now_or_never().unwrap().unwrap();
    let mut many: Vec<_> = (0..3).map(|_| Box::pin(Slots::take(&slots, network(1)))).collect();
    assert!(many.iter_mut().all(|waiter| waiter.now_or_never_by_ref().is_none()));
    assert_eq!(Slots::take(&slots, network(1)).now_or_never().unwrap().err(), Some(Full));
    let mut other = pin!(Slots::take(&slots, network(2)));
    assert!(other.as_mut().now_or_never().is_none(), "it waits");
    let last = many.pop().unwrap().now_or_never().unwrap();
    assert_eq!(last.err(), Some(Full), "the last of the largest party made room for it");
    drop(slot);
    drop(many.remove(0).now_or_never().unwrap().unwrap());
    assert!(other.now_or_never().is_some());
}

#[test]
fn who_waits_no_more_is_passed_over() {
    let slots = Slots::new(1, 2);
    let slot = Slots::take(&slots, network(1)).now_or_never().unwrap().unwrap();
    for _ in 0..1000 {
        let mut gone = Box::pin(Slots::take(&slots, network(1)));
        assert!(gone.now_or_never_by_ref().is_none(), "there is always room for it");
    }
    assert!(slots.state.lock().networks.len <= 2);
    drop(slot);
    assert_eq!(slots.state.lock().free.len(), 1, "nobody has the slot");
    assert_eq!(Arc::strong_count(&slots), 1);
}

/// Polls once, and keeps the future.
trait Once: Future + Unpin {
    fn now_or_never_by_ref(&mut self) -> Option<Self::Output> {
        (&mut *self).now_or_never()
    }
}

impl<F: Future + Unpin> Once for F {}
