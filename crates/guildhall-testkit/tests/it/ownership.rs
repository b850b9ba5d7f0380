//! One effective owner per key, whatever fails: clients add to ledgers under faults at random, and a history of all that they were
//! told is compared with what the ledgers hold when everything is calm.

mod history;
mod unfenced;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use guildhall::{Actor, ActorCx, App, Code, Cx, Effect, Mutation, Reason, Status};
use guildhall_testkit::sim::{self, Chaos, Fault, Logger, Sim};
use guildhall_testkit::{Seam, SeamFaults};
use proto::ledger::{
    AddReq, AddRsp, Ledger, LedgerClient, LedgerServer, LedgerStateEntity, ReadReq, ReadRsp,
};

use history::{History, Told};
use unfenced::Unfenced;

const OWNERS: [&str; 4] =
    ["dev.w1.ledger.1", "dev.w1.ledger.2", "dev.w1.ledger.3", "dev.w1.ledger.4"];
const CALLERS: [&str; 2] = ["dev.w1.caller.1", "dev.w1.caller.2"];

/// Few slots, so that keys share them; leases and links that end within a fault, so that others take over from owners who live.
const SETTINGS: [(&str, &str); 4] = [
    ("app.slots", "16"),
    ("ownership.ttl_ms", "2000"),
    ("ownership.margin_ms", "400"),
    ("link.ping_ms", "1000"),
];
const KEYS: u64 = 8;

/// How many turns there are for one that fails, and the reason of it.
const FAILS_ONE_OF: u64 = 20;
const FAILED: Reason = Reason::new(1_000);
const CLIENTS_PER_APP: u64 = 3;

/// How long a client waits at most before its next call.
const PAUSE_MS: u64 = 300;

/// For how long there are faults.
const CHAOS: Duration = Duration::from_secs(20);

/// How long it may take until a key is served again when there are no faults: the TTL of leases and two seconds.
const SERVED_WITHIN: Duration = Duration::from_secs(7);

struct Book {
    state: LedgerStateEntity,
}

impl Actor for Book {
    const NAME: &'static str = "ledger";
    type Key = String;
    type State = LedgerStateEntity;

    async fn activate(_cx: &ActorCx, _id: String, state: Self::State) -> Result<Self, Status> {
        Ok(Self { state })
    }

    fn state(&mut self) -> &mut Self::State {
        &mut self.state
    }
}

impl Ledger for Book {
    /// Now and then it fails after it has changed its state, as turns do.
    async fn add(&mut self, cx: &ActorCx, req: AddReq) -> Result<AddRsp, Status> {
        self.state.ops_mut().push(req.op);
        if cx.env().random_below(FAILS_ONE_OF) == 0 {
            let why = "the turn fails with its change made";
            return Err(Status::new(Code::FailedPrecondition, why).with_reason(FAILED));
        }
        Ok(AddRsp { count: self.state.ops.len() as u64 })
    }

    async fn read(&mut self, _cx: &ActorCx, _req: ReadReq) -> Result<ReadRsp, Status> {
        Ok(ReadRsp { ops: self.state.ops.clone() })
    }
}

fn ledgers(app: App) -> App {
    app.actor::<Book>(LedgerServer)
}

/// What a client is, apart from its number.
#[derive(Clone)]
struct Clients {
    history: History,
    log: Logger,
    over: Arc<AtomicBool>,
}

impl Clients {
    /// Adds and reads until it is over.
    async fn play(self, cx: Cx) {
        while !self.over.load(Ordering::Relaxed) {
            let key = cx.env().random_below(KEYS).to_string();
            match cx.env().random_below(4) {
                0 => self.read(&cx, &key).await,
                _ => drop(self.add(&cx, &key).await),
            }
            cx.env().sleep(Duration::from_millis(cx.env().random_below(PAUSE_MS))).await;
        }
    }

    /// Adds one operation, again as long as it has certainly not run; whether it was acknowledged.
    async fn add(&self, cx: &Cx, key: &str) -> bool {
        let op = self.history.begin(key);
        loop {
            let req = AddReq { id: key.to_owned(), op };
            let told = match LedgerClient::new(cx).add(req).await {
                Ok(rsp) => Told::Done(rsp.count),
                // A turn that has failed has changed nothing.
                Err(status) if status.effect() == Effect::NotRun || status.reason() == FAILED => {
                    Told::NotRun
                }
                Err(status) => {
                    self.log.log(format_args!("add {op} to {key}: {status}"));
                    Told::Unknown
                }
            };
            if told != Told::NotRun || self.over.load(Ordering::Relaxed) {
                self.log.log(format_args!("add {op} to {key}: {told:?}"));
                self.history.end(op, told);
                return matches!(told, Told::Done(_));
            }
            cx.env().sleep(Duration::from_millis(20 + cx.env().random_below(200))).await;
        }
    }

    async fn read(&self, cx: &Cx, key: &str) {
        let seen = self.history.begin_read(key);
        let req = ReadReq { id: key.to_owned() };
        match LedgerClient::new(cx).read(req).await {
            Ok(rsp) => self.history.end_read(seen, rsp.ops),
            // There is none yet, which is an answer too.
            Err(status) if status.code() == Code::NotFound => self.history.end_read(seen, vec![]),
            Err(_) => {}
        }
    }
}

/// Clients play under chaos; then the ledgers hold what the clients were told.
async fn clients_play(sim: Sim, chaos: Chaos) {
    clients_play_in(sim, chaos, &OWNERS, ledgers).await;
}

async fn clients_play_in(
    sim: Sim,
    chaos: Chaos,
    ids: &[&str],
    owners: impl Fn(App) -> App + Clone + Send + Sync + 'static,
) {
    let chaos = Chaos { apps: "dev.w1.ledger.".into(), ..chaos };
    let happens = async |sim: &mut Sim| sim.chaos(&chaos, CHAOS).await;
    clients_play_while(sim, (ids, &SETTINGS), &CALLERS, owners, happens).await;
}

/// Clients play in these apps while something happens; then the ledgers hold what the clients were told.
async fn clients_play_while(
    mut sim: Sim,
    (ids, settings): (&[&str], &[(&str, &str)]),
    callers: &[&str],
    owners: impl Fn(App) -> App + Clone + Send + Sync + 'static,
    happens: impl AsyncFnOnce(&mut Sim),
) {
    for id in ids {
        sim.start_with(id, settings, owners.clone()).await.unwrap();
    }
    for id in CALLERS {
        sim.start_with(id, settings, |app| app).await.unwrap();
    }
    sim.linked().await;
    let (history, over) = (History::default(), Arc::default());
    let clients = Clients { history: history.clone(), log: sim.logger(), over };
    let mut playing = Vec::new();
    for app in callers {
        for _ in 0..CLIENTS_PER_APP {
            let cx = sim.cx(app);
            playing.push(sim.env(app).spawn("client", clients.clone().play(cx)));
        }
    }
    happens(&mut sim).await;
    sim.calm().await;
    let calm = sim.env(CALLERS[0]).now();
    sim.advance(SERVED_WITHIN).await;
    clients.over.store(true, Ordering::Relaxed);
    for client in playing {
        client.await.unwrap().unwrap();
    }
    let cx = sim.cx(CALLERS[0]);
    assert!(cx.env().now() - calm < SERVED_WITHIN * 2, "the clients' last calls take too long");
    for key in 0..KEYS {
        let key = key.to_string();
        clients.over.store(false, Ordering::Relaxed);
        let served = cx.env().until(cx.env().now() + SERVED_WITHIN, clients.add(&cx, &key));
        assert_eq!(served.await, Some(true), "{key} is not served");
        let ops = LedgerClient::new(&cx).read(ReadReq { id: key.clone() }).await.unwrap().ops;
        history.check(&key, &ops);
    }
    sim.settled().await;
    assert!(history.acknowledged() > 100, "only {} were acknowledged", history.acknowledged());
}

/// Every fault there is: of the network, of machines and processes, and of the backends.
#[test]
fn what_was_acknowledged_is_there_once_and_reads_are_never_stale_whatever_fails() {
    sim::check(50, async |sim| clients_play(sim, Chaos::default()).await);
}

#[test]
fn what_is_served_is_not_granted_to_others_by_a_lease_backend_that_begins_anew() {
    let chaos = hard(restarts());
    sim::check(20, async |sim| clients_play(sim, chaos.clone()).await);
}

/// An owner that was away from the lease backend for longer than its lease comes back together with a backend that begins anew, again
/// and again. Clients of its own write through it, while others read from the owner that has had what was its.
async fn an_owner_comes_back(sim: Sim) {
    let [away, stays] = [OWNERS[0], OWNERS[1]];
    let callers = [CALLERS[0], CALLERS[1], away];
    // So long that it takes a while until an owner hears of the new backend.
    let settings = [SETTINGS[0], ("ownership.ttl_ms", "6000"), ("app.discovery_ttl_ms", "10000")];
    clients_play_while(sim, (&[away, stays], &settings), &callers, ledgers, async |sim| {
        for _ in 0..4 {
            sim.set_faults(away, Seam::Leases, SeamFaults::away());
            sim.advance(Duration::from_secs(8)).await;
            // Callers go on to ask whom they know.
            CALLERS.iter().for_each(|id| sim.set_faults(id, Seam::Leases, SeamFaults::away()));
            sim.restart_leases();
            sim.set_faults(away, Seam::Leases, SeamFaults::default());
            sim.advance(Duration::from_secs(2)).await;
            CALLERS.iter().for_each(|id| sim.set_faults(id, Seam::Leases, SeamFaults::default()));
        }
    })
    .await;
}

#[test]
fn an_owner_that_comes_back_with_the_lease_backend_takes_nothing_from_one_that_is_read_from() {
    sim::check(10, an_owner_comes_back);
}

#[test]
fn a_lease_backend_that_forgets_its_holders_is_found_out() {
    let forgets = async |sim: Sim| {
        sim.leases_forget_holders();
        an_owner_comes_back(sim).await;
    };
    assert_found(sim::first_failure(FOUND_WITHIN, forgets), "a backend that forgets its holders");
}

fn restarts() -> [Fault; 4] {
    [
        Fault::LeasesRestart,
        Fault::Pause,
        Fault::Partition,
        Fault::Seam(Seam::Leases, SeamFaults::away()),
    ]
}

#[test]
fn acknowledged_adds_are_there_once_though_the_store_is_unsure() {
    let unsure =
        SeamFaults { delay: Duration::ZERO..Duration::from_millis(900), ..SeamFaults::unsure(30) };
    let faults = [Fault::Kill, Fault::Seam(Seam::Store, unsure)];
    let chaos = Chaos { at_once: 3, ..Chaos::of(faults) };
    sim::check(10, async |sim| clients_play(sim, chaos.clone()).await);
}

#[test]
#[ignore = "takes minutes: cargo xtask test --slow"]
fn a_thousand_seeds_lose_nothing_and_do_nothing_twice() {
    sim::check(1_000, async |sim| clients_play(sim, Chaos::default()).await);
}

/// The history finds what a fence prevents.
#[test]
fn a_store_that_takes_the_writes_of_old_owners_is_found_out() {
    let unfenced = async |mut sim: Sim| {
        sim.use_store(Arc::new(Unfenced::default()));
        clients_play(sim, Chaos::default()).await;
    };
    assert_found(sim::first_failure(FOUND_WITHIN, unfenced), "a store without fences");
}

/// How many seeds it may take to find a rule that is missing.
const FOUND_WITHIN: u32 = 1_000;

fn assert_found(found: Option<u64>, what: &str) {
    assert!(found.is_some(), "{what}: {FOUND_WITHIN} seeds have found nothing");
}

/// Runs owners that lack a rule under the faults that it is there for.
fn without(rule: Mutation, faults: impl IntoIterator<Item = Fault>) {
    let chaos = hard(faults);
    let lacking = async |sim| {
        let owners = move |app: App| ledgers(app).without(rule);
        clients_play_in(sim, chaos.clone(), &OWNERS[..2], owners).await;
    };
    assert_found(sim::first_failure(FOUND_WITHIN, lacking), &format!("without {rule:?}"));
}

/// Many at once, and long enough for others to take over.
fn hard(faults: impl IntoIterator<Item = Fault>) -> Chaos {
    let lasts = Duration::from_secs(1)..Duration::from_secs(10);
    Chaos { at_once: 4, lasts, ..Chaos::of(faults) }
}

/// Two owners who lack nothing hold under what finds those who do.
#[test]
fn owners_who_are_cut_off_for_long_answer_nothing_that_is_not_so() {
    let chaos = hard(cuts());
    sim::check(20, async |sim| {
        clients_play_in(sim, chaos.clone(), &OWNERS[..2], ledgers).await;
    });
}

#[test]
fn owners_who_die_while_the_store_is_slow_lose_nothing_that_was_told() {
    let chaos = hard(deaths());
    sim::check(20, async |sim| {
        clients_play_in(sim, chaos.clone(), &OWNERS[..2], ledgers).await;
    });
}

/// Owners are cut off from each other, from callers, and from the leases.
fn cuts() -> [Fault; 3] {
    [Fault::Partition, Fault::Pause, Fault::Seam(Seam::Leases, SeamFaults::away())]
}

/// Owners die while the store takes its time.
fn deaths() -> [Fault; 2] {
    let slow = Duration::from_millis(5)..Duration::from_millis(1_500);
    [Fault::Kill, Fault::Seam(Seam::Store, SeamFaults::slow(slow))]
}

#[test]
fn an_owner_that_does_not_claim_again_after_a_suspension_is_found_out() {
    without(Mutation::ClaimAfterSuspension, cuts());
}

#[test]
fn an_owner_that_answers_after_its_deadline_is_found_out() {
    without(Mutation::DeadlineOfAnswers, cuts());
}

#[test]
fn an_owner_that_replies_before_the_commit_is_found_out() {
    without(Mutation::CommitBeforeReply, deaths());
}

#[test]
fn an_owner_without_a_lease_is_found_out() {
    without(Mutation::LeaseBeforeServing, cuts());
}

#[test]
fn an_owner_that_shows_what_is_not_committed_is_found_out() {
    without(Mutation::ReadsWaitForCommits, deaths());
}

#[test]
fn an_owner_that_keeps_what_failed_turns_have_changed_is_found_out() {
    without(Mutation::FailedTurnsChangeNothing, [Fault::Kill]);
}

#[test]
fn one_seed_of_the_clients_is_one_run() {
    let run = || sim::trace_of(3, async |sim| clients_play(sim, Chaos::default()).await);
    let (one, again) = (run(), run());
    assert_eq!(one.difference(&again), None);
    assert_eq!(one.hash(), again.hash());
}
