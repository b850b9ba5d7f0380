//! The keeper: acquires the slots whose target is this app, and requests them from their present owners.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use guildhall_core::Status;
use guildhall_core::leases::{Acquired, LeaseSession};
use guildhall_core::store::Holder;
use parking_lot::Mutex;

use crate::host::SlotHost;
use crate::mesh::{HandedOver, Targets};
use crate::ownership::Ownership;
use crate::slots::AskedSlot;

/// Ids in one request to the lease backend.
const BATCH: usize = 512;

impl Ownership {
    /// Keeps what belongs here, until the app ends.
    pub(crate) async fn keep_slots(self: Arc<Self>) {
        let env = &self.env;
        let asks = Arc::new(Asks::default());
        let mut looked = None;
        loop {
            let seen = self.mesh.revision();
            // Each slot that arrives wakes the keeper. Were the lease backend asked for all others each time, it would do nothing else
            // while many slots move.
            let now = env.now();
            let all = looked.is_none_or(|at| now >= at + self.config.poll());
            looked = if all { Some(now) } else { looked };
            let mut settled = true;
            for host in &self.hosts {
                settled &= self.keep_host(host, &asks, all).await;
            }
            let woken = async {
                tokio::select! {
                    biased;
                    () = self.wake.notified() => {}
                    () = self.mesh.changed(seen) => {}
                }
            };
            if settled {
                woken.await;
            } else {
                let _or_time_to_ask_again = env.until(env.now() + self.config.poll(), woken).await;
            }
        }
    }

    /// One look at one actor type; whether all that belongs here is here. Unless it looks at `all`, the lease backend is not asked
    /// again for slots whose holders live and are asked themselves.
    async fn keep_host(
        self: &Arc<Self>,
        host: &Arc<dyn SlotHost>,
        asks: &Arc<Asks>,
        all: bool,
    ) -> bool {
        self.meters.slot_looks.add(1);
        let table = host.table();
        let targets = self.mesh.targets(table.actor());
        let belongs_here = |slot| self.is_target(targets.as_deref(), slot);
        for slot in table.give_up(belongs_here) {
            host.drop_slot(slot, None);
        }
        let Some(session) = self.session() else { return false };
        // An earlier incarnation of an app cannot be asked: what it held is free when its session is over (rule 1).
        let lives = |holder: &Holder| self.mesh.is_linked(holder);
        let wanted = table.wanted(belongs_here, |holder| !all && lives(holder));
        for wanted in wanted.chunks(BATCH) {
            if !self.session.is(&session) {
                return false;
            }
            self.acquire(&session, &**host, wanted).await;
        }
        if all {
            asks.log_refused(table.actor());
        }
        let free = self.config.moves_max.saturating_sub(asks.running.load(Ordering::Relaxed));
        for asked in table.begin_asking(free, belongs_here, lives) {
            asks.running.fetch_add(1, Ordering::Relaxed);
            let (own, host, asks) = (Arc::clone(self), Arc::clone(host), Arc::clone(asks));
            let session = Arc::clone(&session);
            self.env.spawn("move", async move {
                own.ask_for_slot(&*host, &session, &asked, &asks).await;
                asks.running.fetch_sub(1, Ordering::Relaxed);
            });
        }
        let settled = table.is_settled(belongs_here);
        if settled && self.misplaced(&**host, targets.as_deref()) == 0 {
            table.log_served();
        }
        settled
    }

    /// Asks the holder of a slot to hand it over (rule 16).
    async fn ask_for_slot(
        &self,
        host: &dyn SlotHost,
        session: &LeaseSession,
        asked: &AskedSlot,
        asks: &Asks,
    ) {
        let table = host.table();
        let Some(answer) = self.answer_of_holder(host, asked).await else {
            // The lease backend has answered meanwhile that another app has it, or this one.
            self.wake.notify_one();
            return;
        };
        match answer {
            // What was transferred to an earlier session of this app, its end has freed.
            Ok(Some(_)) if !self.session.is(session) => {
                table.not_given(asked);
                self.doubt(table, asked.slot, 0);
            }
            Ok(Some(HandedOver { epoch, from })) => {
                self.meters.slots_taken.add(1);
                self.apply(host, asked.slot, Acquired::Held { epoch, from: Some(from) });
                self.wake.notify_one();
            }
            Ok(None) => {
                // The holder serves it. Until the pause is over it counts among the slots that are asked for, so that a holder that
                // keeps its slots is not asked all the time.
                if table.not_given(asked) {
                    // Calls that have waited for the slot go where it is served.
                    host.drop_slot(asked.slot, Some(&asked.holder.app));
                }
                self.env.sleep(self.config.poll()).await;
            }
            Err(status) => {
                asks.refused(status);
                table.not_given(asked);
                // It may have been transferred all the same: the lease backend knows (rule 21).
                self.doubt(table, asked.slot, 0);
            }
        }
    }

    /// The answer of a holder; `None` when the slot is not asked for any more: the holder hangs, and its lease has ended.
    async fn answer_of_holder(
        &self,
        host: &dyn SlotHost,
        asked: &AskedSlot,
    ) -> Option<Result<Option<HandedOver>, Status>> {
        let (env, table) = (&self.env, host.table());
        let holding = (&asked.holder, asked.epoch);
        // It may take the time of a move at the holder, and of an offer.
        let deadline = env.now() + self.config.move_time() * 2;
        let asking = self.ask_holder(table.lease(asked.slot), holding, asked.owned, deadline);
        let mut answer = std::pin::pin!(asking);
        loop {
            let answered = env.until(env.now() + self.config.poll(), answer.as_mut()).await;
            if answered.is_some() || !table.is_asked(asked) {
                return answered;
            }
        }
    }

    /// Slots that are not with their targets by this app's membership, in words. Empty when all that belongs here is served here, all
    /// that is served here belongs here, and no app is asked for anything.
    pub fn unsettled(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.has_hosts() && !self.is_valid() {
            found.push("the app has no valid session with the lease backend".to_owned());
        }
        for table in self.hosts.iter().map(|host| host.table()) {
            let targets = self.mesh.targets(table.actor());
            found.extend(table.unsettled(|slot| self.is_target(targets.as_deref(), slot)));
        }
        found
    }

    /// Waits until nothing is held here that belongs to another app. Cancel safe.
    pub async fn handed_over(&self) {
        loop {
            let seen = self.mesh.revision();
            let left = |host: &Arc<dyn SlotHost>| {
                let targets = self.mesh.targets(host.table().actor());
                self.misplaced(&**host, targets.as_deref())
            };
            if self.hosts.iter().map(left).sum::<usize>() == 0 {
                return;
            }
            let look = self.env.now() + self.config.poll() / 10;
            let _or_look_again = self.env.until(look, self.mesh.changed(seen)).await;
        }
    }

    /// Number of slots that are held here and whose targets are other apps.
    fn misplaced(&self, host: &dyn SlotHost, targets: Option<&dyn Targets>) -> usize {
        let me = self.holder.app.as_str();
        host.table().misplaced(|slot| targets.is_some_and(|targets| targets.target(slot) != me))
    }
}

/// What is asked of holders of slots at the moment, all actor types together.
#[derive(Debug, Default)]
struct Asks {
    running: AtomicUsize,
    /// Number of requests that failed since the last log line about it, and the last error.
    refused: Mutex<(usize, Option<Status>)>,
}

impl Asks {
    fn refused(&self, status: Status) {
        let mut refused = self.refused.lock();
        *refused = (refused.0 + 1, Some(status));
    }

    /// One line for all slots.
    fn log_refused(&self, actor: &str) {
        if let (slots, Some(status)) = std::mem::take(&mut *self.refused.lock()) {
            tracing::debug!(actor, slots, last = %status, "slots not handed over; asking again");
        }
    }
}
