//! Waits until all slots of a cluster are at their targets, and checks that no app is moving slots then.

use std::time::Duration;

use guildhall_core::AppId;

use super::Cluster;

/// How long it may take, in virtual time: many times a lease's TTL and the longest pause before anything is tried again.
const WITHIN: Duration = Duration::from_secs(120);

/// How often it is looked at.
const EVERY: Duration = Duration::from_millis(50);

/// For how long nobody may do anything about slots afterwards.
const REST: Duration = Duration::from_secs(10);

/// The metric that counts what an app does about slots.
const LOOKS: &str = "guildhall_slot_looks_total";

impl Cluster {
    /// Waits until every slot is served where the view of each running app says, and nobody asks for one; then nothing may be done
    /// about slots for ten seconds: an app that is at rest looks at none. Call it without faults, and while nobody makes calls that
    /// activate actors whose rows others have.
    ///
    /// # Panics
    /// After two minutes of virtual time, with what is not where it belongs; or with the app that is not at rest.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn settled(&self) {
        let deadline = self.env.now() + WITHIN;
        loop {
            let unsettled = self.unsettled();
            if unsettled.is_empty() {
                break;
            }
            let shown = unsettled.join("\n");
            assert!(self.env.now() < deadline, "not settled within {WITHIN:?}:\n{shown}");
            self.env.sleep(EVERY).await;
        }
        // What was woken by the last step looks once more.
        self.env.sleep(REST / 10).await;
        let before = self.looks();
        self.env.sleep(REST).await;
        let unsettled = self.unsettled();
        assert!(unsettled.is_empty(), "settled, and then no more:\n{}", unsettled.join("\n"));
        for ((id, before), (_, after)) in before.iter().zip(self.looks()) {
            let looks = after - before;
            assert!(
                looks == 0.0,
                "{id} is settled, and looked at its slots {looks} times in {REST:?}"
            );
        }
    }

    fn unsettled(&self) -> Vec<String> {
        let running = self.members.iter().filter_map(|(id, of)| Some((id, of.life.as_ref()?)));
        let of_app = running.flat_map(|(id, life)| {
            let cx = life.app.cx();
            cx.unsettled().into_iter().map(move |line| format!("{id}: {line}"))
        });
        of_app.collect()
    }

    /// How often each running app has looked at its slots.
    fn looks(&self) -> Vec<(AppId, f64)> {
        let running = self.members.iter().filter_map(|(id, of)| Some((id, of.life.as_ref()?)));
        let looks = running.map(|(id, life)| {
            let text = life.app.cx().metrics().text();
            let line = text.lines().find_map(|line| line.strip_prefix(LOOKS)?.trim().parse().ok());
            (id.clone(), line.unwrap_or_else(|| panic!("{id} has no metric {LOOKS}")))
        });
        looks.collect()
    }
}
