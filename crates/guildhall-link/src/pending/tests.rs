//! The table of waiting calls neither grows nor mixes up replies.

use std::time::Duration;

use guildhall_core::Env;

use super::*;

#[test]
fn a_million_calls_of_which_a_tenth_are_dropped_do_not_grow_the_table() {
    let pending = Pending::new(64);
    let deadline = Env::real().now() + Duration::from_secs(60);
    let cx = Context::from_waker(Waker::noop());
    let mut wakers = Vec::new();
    for n in 0..1_000_000 {
        let id = pending.open(Waker::noop(), deadline).unwrap();
        if n % 10 == 0 {
            assert!(pending.forget(id));
        } else {
            pending.answer([(id, Ok(Bytes::new()))].into_iter(), &mut wakers);
            assert!(pending.poll(id, &cx).is_ready());
        }
    }
    assert_eq!(pending.slots(), 1);
}

#[test]
fn a_late_reply_does_not_reach_the_next_call_of_its_slot() {
    let pending = Pending::new(64);
    let deadline = Env::real().now() + Duration::from_secs(60);
    let cx = Context::from_waker(Waker::noop());
    let first = pending.open(Waker::noop(), deadline).unwrap();
    pending.forget(first);
    let second = pending.open(Waker::noop(), deadline).unwrap();
    pending.answer([(first, Ok(Bytes::from_static(b"late")))].into_iter(), &mut Vec::new());
    assert!(pending.poll(second, &cx).is_pending());
}

#[test]
fn a_full_table_refuses_at_once() {
    let pending = Pending::new(1);
    let deadline = Env::real().now() + Duration::from_secs(60);
    pending.open(Waker::noop(), deadline).unwrap();
    let status = pending.open(Waker::noop(), deadline).unwrap_err();
    assert_eq!((status.reason(), status.effect()), (reason::OVERLOADED, Effect::NotRun));
}
