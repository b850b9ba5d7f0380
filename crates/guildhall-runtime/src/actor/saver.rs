//! The saver: groups the saves of many actors into few trips to the store, and repeats those that may not have arrived.

use std::sync::Arc;

use guildhall_core::status::reason;
use guildhall_core::store::{Batch, Store, StoreError, StoreErrorKind};
use guildhall_core::{Code, Env, Status};
use guildhall_wire::Trace;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::waiting_replies::WaitingReplies;
use crate::config::SaveConfig;
use crate::observe::counters::Counters;
use crate::observe::outage::Outage;
use crate::observe::trace::{OpenSpan, SpanKind, Tracer};

/// The changes of one actor. Each actor has at most one save in flight, so there are never more saves than actors.
pub(super) struct Save {
    pub(super) batch: Batch,
    pub(super) activation: u64,
    pub(super) saved: Arc<dyn Saved>,
    /// The replies that wait for it, and its number there.
    pub(super) replies: (Arc<WaitingReplies>, u64),
    /// Its last turn waits for it and sends its own answer: if the store refuses it for good, replies of earlier turns wait for the
    /// next save.
    pub(super) alone: bool,
    /// The turn that made them, if it is traced.
    pub(super) trace: Option<Trace>,
    /// Whether a copy was sent whose result is unknown.
    pub(super) unsure: bool,
}

impl Save {
    /// What an error means. While an earlier copy of the write may still arrive, a refusal is not final: if the copy succeeds later, the
    /// next write looks like a repetition of it (rule 10). So the activation ends, and the claim of the next one fences the copy off.
    fn judge(&self, error: StoreError) -> StoreError {
        use StoreErrorKind::{Refused, Unavailable, Unknown};
        if !self.unsure || matches!(error.kind, Refused { .. } | Unavailable | Unknown) {
            return error;
        }
        let why =
            format!("an earlier copy of the write may still be done; the store says now: {error}");
        StoreError::new(Refused { row_epoch: 0 }, "commit", "a batch", why)
    }
}

/// The versions of the saved rows, or the store's error.
pub(super) type SaveResult = Result<Vec<u64>, StoreError>;

/// Gets the result of a save.
pub(super) trait Saved: Send + Sync {
    fn on_saved(self: Arc<Self>, activation: u64, result: SaveResult);
}

/// Saves that wait for the store.
#[derive(Default)]
pub(crate) struct Saver {
    waiting: Mutex<Vec<Save>>,
    wake: Notify,
}

impl Saver {
    pub(super) fn submit(&self, save: Save) {
        self.waiting.lock().push(save);
        self.wake.notify_one();
    }

    /// Commits what waits, until the app ends. While one trip is under way the next one fills.
    pub(crate) async fn drive(
        &self,
        env: Env,
        store: Arc<dyn Store>,
        outage: &Outage,
        counters: &Counters,
        config: &SaveConfig,
        tracer: Option<&Arc<Tracer>>,
    ) {
        let mut pause = config.retry();
        loop {
            let saves = self.take(config.batch_max);
            if saves.is_empty() {
                self.wake.notified().await;
                continue;
            }
            let spans = spans(tracer, &saves);
            let (again, error) = commit(&env, &*store, counters, config, saves).await;
            drop(spans);
            let Some(error) = error else {
                pause = config.retry();
                continue;
            };
            // Logged once per outage.
            if pause == config.retry() {
                tracing::warn!(%error, saves = again.len(), "save failed; retrying");
            }
            if outage.lasts(&env) {
                let why = "the call has run, and its changes are not saved yet: the store takes no writes; they are saved when it does, or lost when the app ends";
                let status = Status::new(Code::Unavailable, why).with_reason(reason::STORE);
                again.iter().for_each(|save| save.replies.0.give_up(save.replies.1, &status));
            }
            counters.save_retries.add(again.len() as u64);
            // Before those that came later: they are of other actors.
            self.waiting.lock().splice(0..0, again);
            env.sleep(pause).await;
            pause = config.longer(pause);
        }
    }

    fn take(&self, max: usize) -> Vec<Save> {
        let mut waiting = self.waiting.lock();
        let count = waiting.len().min(max);
        waiting.drain(..count).collect()
    }
}

/// The spans of a trip: one for each trace.
fn spans(tracer: Option<&Arc<Tracer>>, saves: &[Save]) -> Vec<OpenSpan> {
    let Some(tracer) = tracer else { return Vec::new() };
    let traces = saves.iter().filter_map(|save| save.trace.as_ref());
    let begin = |trace| {
        let mut span = tracer.open(Some(trace), SpanKind::Store, "commit");
        span.set(Code::Ok);
        span
    };
    traces.map(begin).collect()
}

/// One trip; returns the saves to send again, with the same bytes, and the error: the store may have them already.
async fn commit(
    env: &Env,
    store: &dyn Store,
    counters: &Counters,
    config: &SaveConfig,
    saves: Vec<Save>,
) -> (Vec<Save>, Option<StoreError>) {
    let batches = saves.iter().map(|save| save.batch.clone()).collect();
    let deadline = env.now() + config.timeout();
    let results = env.until(deadline, store.commit(batches)).await.unwrap_or_else(|| {
        let why = format!("no answer within {} ms (save.timeout_ms)", config.timeout_ms);
        vec![Err(StoreError::new(StoreErrorKind::Unknown, "commit", "a batch", why)); saves.len()]
    });
    let (mut again, mut why) = (Vec::new(), None);
    for (save, result) in saves.into_iter().zip(results) {
        match result.map_err(|error| save.judge(error)) {
            Ok(committed) => {
                counters.saves.add(1);
                // Callers get their replies now, the actor its result after the present turn.
                save.replies.0.committed(save.replies.1);
                save.saved.on_saved(save.activation, Ok(committed.versions));
            }
            Err(error) => match error.kind {
                StoreErrorKind::Unavailable | StoreErrorKind::Unknown => {
                    let unsure = save.unsure || error.kind == StoreErrorKind::Unknown;
                    again.push(Save { unsure, ..save });
                    why = Some(error);
                }
                _ => {
                    counters.save_failures.add(1);
                    if !(save.alone && is_final(&error)) {
                        save.replies.0.refused(save.replies.1, &error);
                    }
                    save.saved.on_saved(save.activation, Err(error));
                }
            },
        }
    }
    (again, why)
}

/// Whether the store will never accept the write.
pub(super) fn is_final(error: &StoreError) -> bool {
    matches!(error.kind, StoreErrorKind::Exists | StoreErrorKind::Missing | StoreErrorKind::Invalid)
}
