//! Waits until all apps of a cluster have links to each other.

use std::time::Duration;

use guildhall_core::AppId;
use guildhall_runtime::Cx;

use super::Cluster;

/// How long apps may take, in virtual time: many times the longest pause before they dial again.
const WITHIN: Duration = Duration::from_secs(60);

/// How often they are looked at.
const EVERY: Duration = Duration::from_millis(5);

/// How many missing links a message names.
const NAMED_MAX: usize = 10;

impl Cluster {
    /// Waits until every running app knows every other, and has had a link to it unless it dials on demand (`link.idle_ms`).
    ///
    /// # Panics
    /// After a minute of virtual time, with the links that are missing: apps that are partitioned, or whose secrets differ.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn linked(&self) {
        let running = self.members.iter().filter(|(_, member)| member.life.is_some());
        let running: Vec<&AppId> = running.map(|(id, _)| id).collect();
        let pairs = running.iter().flat_map(|from| running.iter().map(|to| (*from, *to)));
        let mut missing: Vec<_> = pairs.filter(|(from, to)| from != to).collect();
        let deadline = self.env.now() + WITHIN;
        loop {
            let (before, connected) = (std::mem::take(&mut missing), self.net.connected());
            for (from, to) in before {
                // A link counts when its connection leads to the present life of its peer, and it is routed to.
                let way = (from.as_str().into(), to.as_str().into());
                let linked = self.idle_ms > 0 || connected.contains(&way);
                if !linked || !self.routes(from, to) {
                    missing.push((from, to));
                }
            }
            if missing.is_empty() {
                return;
            }
            assert!(self.env.now() < deadline, "not linked within {WITHIN:?}: {}", shown(&missing));
            self.env.sleep(EVERY).await;
        }
    }

    fn routes(&self, from: &AppId, to: &AppId) -> bool {
        let [from, to] = [from, to].map(|id| self.cx(id.as_str()));
        let life = |cx: &Cx| cx.nodes().into_iter().find(|node| node.id == *to.app_id());
        life(&from).map(|node| node.incarnation) == life(&to).map(|node| node.incarnation)
    }
}

fn shown(missing: &[(&AppId, &AppId)]) -> String {
    let links = missing.iter().take(NAMED_MAX).map(|(from, to)| format!("{from} -> {to}"));
    let more = missing.len().saturating_sub(NAMED_MAX);
    let more = (more > 0).then(|| format!("and {more} more"));
    links.chain(more).collect::<Vec<_>>().join(", ")
}
