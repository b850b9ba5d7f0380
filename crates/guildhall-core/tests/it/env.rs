//! What a killed world still does: nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use guildhall_core::Env;
use tokio::sync::Notify;

#[tokio::test]
async fn a_killed_task_takes_no_further_step() {
    let env = Env::real();
    let (go, steps) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let (waits, counts) = (Arc::clone(&go), Arc::clone(&steps));
    let task = env.spawn("steps", async move {
        loop {
            counts.fetch_add(1, Ordering::Relaxed);
            waits.notified().await;
        }
    });
    while steps.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    // It is ready to go on when the app is killed.
    go.notify_one();
    env.kill();
    let ended: Option<()> = task.await.unwrap();
    assert_eq!((ended, steps.load(Ordering::Relaxed)), (None, 1));
}
