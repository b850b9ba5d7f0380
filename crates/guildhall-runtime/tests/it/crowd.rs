//! An actor that thousands of sessions use: a durable call costs what it costs where one session is.

use guildhall::{Cx, RunningApp};
use guildhall_wire::Session;

use crate::durable::earning;
use crate::entities::{earn, join};
use crate::rooms::{TestStore, app};

const SESSIONS: u64 = 5_000;

/// One session of a raider, which confirms what it has.
struct Raider {
    cx: Cx,
    session: Session,
}

impl Raider {
    fn new(app: &RunningApp, n: u64) -> Self {
        // An app may call for any player.
        let (player, session, inner) = (format!("raider{n}"), format!("{n:032x}"), true);
        let session = Session { player, session, generation: 1, inner, ..Session::default() };
        Self { cx: app.cx(), session }
    }

    /// The context of its next command; it has all replies but the last `window`.
    fn next(&mut self, window: u64) -> Cx {
        self.session.number += 1;
        self.session.answered = self.session.number.saturating_sub(window).max(1);
        self.cx.with_session(self.session.clone())
    }

    /// CPU per durable call, in microseconds, with `window` of them under way at a time.
    async fn cost(&mut self, boss: &'static str, window: u64) -> f64 {
        const ROUNDS: u32 = 20;
        let before = cpu_ns();
        let mut calls = 0;
        for _ in 0..ROUNDS {
            let running: Vec<_> =
                (0..window).map(|_| earning(&self.next(window), boss, 1)).collect();
            for call in running {
                call.await.unwrap().unwrap();
                calls += 1;
            }
        }
        #[allow(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        let spent = (cpu_ns() - before) as f64;
        spent / f64::from(calls) / 1000.0
    }
}

/// CPU time of this thread: what else the machine does does not count.
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_durable_call_costs_the_last_of_thousands_of_sessions_what_it_costs_the_first() {
    let store = TestStore::default();
    let app = app(&[("actor.member.records_bytes_max", "8388608")], &store).await;
    join(&app.cx(), "few").await.unwrap();
    join(&app.cx(), "boss").await.unwrap();
    let mut last = Raider::new(&app, 0);
    for n in 1..=SESSIONS {
        last = Raider::new(&app, n);
        earn(&last.next(1), "boss", 1).await.unwrap();
    }
    let mut first = Raider::new(&app, 1);
    println!("{} bytes of records", store.member("boss").await.unwrap().records.len());
    for window in [32, 1] {
        let mut ratios = Vec::new();
        for _ in 0..15 {
            let of_one = first.cost("few", window).await;
            let of_thousands = last.cost("boss", window).await;
            println!("{window}: {of_one:.1} {of_thousands:.1}");
            ratios.push(of_thousands / of_one);
        }
        ratios.sort_by(f64::total_cmp);
        let median = ratios[ratios.len() / 2];
        println!("{window} under way: {median:.2}");
    }
}
