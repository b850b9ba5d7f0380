//! The queue by itself: which calls wait in it, and when each begins.

use std::time::Duration;

use guildhall_core::Env;

use super::{Held, Place, Queue};
use crate::serve::limits::RateConfig;

fn held(place: Option<Place>) -> Held {
    match place {
        Some(Place::Held(held)) => held,
        other => panic!("a held call was expected, not {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_call_does_not_overtake_one_that_was_released_and_has_not_begun() {
    let env = Env::real();
    let config = RateConfig { calls: 10, wait_ms: 1000, ..RateConfig::default() };
    let queue = Queue::new(&config);
    assert!(matches!(queue.join(&env, None), Some(Place::First)));
    let mut second = held(queue.join(&env, None));
    let began = env.now();
    second.wait().await;
    assert_eq!((env.now() - began).as_millis(), 100);
    env.sleep(Duration::from_millis(300)).await;
    let mut third = held(queue.join(&env, None));
    let began = env.now();
    drop(second);
    third.wait().await;
    assert!(env.now() - began < Duration::from_millis(2), "its time had come");
    drop(third);
    env.sleep(Duration::from_millis(100)).await;
    assert!(matches!(queue.join(&env, None), Some(Place::First)), "the line is empty");
}
