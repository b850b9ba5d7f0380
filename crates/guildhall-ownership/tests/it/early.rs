//! Calls that come for a slot before the slot comes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::env::{Instant, TokioNet};
use guildhall_ownership::{EarlyCall, EarlyCalls, OwnershipConfig};

type Answers = Arc<Mutex<Vec<(u32, &'static str)>>>;

struct Call {
    number: u32,
    deadline: Option<Instant>,
    answers: Answers,
}

impl EarlyCall for Call {
    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn slot_is_late(self) {
        self.answers.lock().unwrap().push((self.number, "late"));
    }

    fn overloaded(self, why: String) {
        assert!(why.contains("2 calls wait"), "{why}");
        self.answers.lock().unwrap().push((self.number, "overloaded"));
    }
}

#[tokio::test(start_paused = true)]
async fn early_calls_are_taken_in_their_order_and_the_others_are_refused_in_time() {
    let env = Env::simulated(1, Arc::new(TokioNet), Duration::ZERO);
    let config = OwnershipConfig { hold_ms: 1_000, hold_max: 2, ..OwnershipConfig::default() };
    let early = Arc::<EarlyCalls<Call>>::default();
    let answers = Answers::default();
    let hold = |slot, number, deadline| {
        let call = Call { number, deadline, answers: Arc::clone(&answers) };
        early.hold(&env, &config, slot, call);
    };
    let taken = |slot| early.take_slot(slot).iter().map(|call| call.number).collect::<Vec<_>>();
    hold(7, 1, None);
    hold(7, 2, None);
    hold(7, 3, None);
    assert_eq!(*answers.lock().unwrap(), [(3, "overloaded")]);
    assert_eq!(taken(8), [0; 0]);
    assert_eq!(taken(7), [1, 2]);

    // Refused while the caller still waits.
    hold(8, 4, Some(env.now() + Duration::from_millis(500)));
    hold(8, 5, None);
    env.sleep(Duration::from_millis(480)).await;
    assert_eq!(answers.lock().unwrap().last(), Some(&(4, "late")));
    env.sleep(Duration::from_millis(400)).await;
    assert_eq!(answers.lock().unwrap().len(), 2);
    env.sleep(Duration::from_millis(200)).await;
    assert_eq!(answers.lock().unwrap().last(), Some(&(5, "late")));
    assert_eq!(taken(8), [0; 0]);
}
