//! Rooms without state and members with state, which do what a test asks for, and a store that can be told to fail.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use guildhall::store::memory::MemoryStore;
use guildhall::store::{
    Batch, Committed, Row, RowId, Store, StoreError, StoreErrorKind, StoreLayer,
};
use guildhall::{
    Actor, ActorCx, App, BoxFuture, Code, Config, DeactivateReason, Env, RunningApp, Status,
};
use parking_lot::Mutex;
use proto::room::{
    AnnounceReq, CountRsp, EarnReq, FailReq, InfoReq, JoinReq, Member, MemberClient, MemberRsp,
    MemberServer, MemberStateEntity, RelayReq, RelayRsp, Room, RoomClient, RoomReq, RoomServer,
    SayReq, SayRsp, WaitReq, WaitRsp,
};
use tokio::sync::{OwnedRwLockWriteGuard, RwLock};

/// Counts what is said in it.
pub(crate) struct TestRoom {
    id: i64,
    said: u64,
    inside: Arc<AtomicUsize>,
}

impl Actor for TestRoom {
    const NAME: &'static str = "room";
    type Key = i64;
    type State = ();

    async fn activate(_cx: &ActorCx, id: i64, _state: ()) -> Result<Self, Status> {
        Ok(Self { id, said: 0, inside: Arc::default() })
    }

    async fn tick(&mut self, _cx: &ActorCx) -> Result<(), Status> {
        self.said += 1000;
        Ok(())
    }
}

impl Room for TestRoom {
    /// `ann earns` has her earn 5, twice.
    async fn say(&mut self, cx: &ActorCx, req: SayReq) -> Result<SayRsp, Status> {
        if let Some(player) = req.text.strip_suffix(" earns") {
            for _ in 0..2 {
                let req = EarnReq { player: player.to_owned(), points: 5 };
                MemberClient::new(cx).earn(req).await?;
            }
        }
        self.said += 1;
        Ok(SayRsp { number: self.said - 1 })
    }

    async fn shout(&mut self, _cx: &ActorCx, _req: SayReq) -> Result<(), Status> {
        self.said += 1;
        Ok(())
    }

    async fn announce(&mut self, _cx: &ActorCx, _req: AnnounceReq) -> Result<(), Status> {
        self.said += 100;
        Ok(())
    }

    async fn wait(&mut self, cx: &ActorCx, req: WaitReq) -> Result<WaitRsp, Status> {
        assert_eq!(self.inside.fetch_add(1, Ordering::SeqCst), 0, "two turns at a time");
        cx.env().sleep(Duration::from_millis(req.ms.into())).await;
        self.inside.fetch_sub(1, Ordering::SeqCst);
        self.said += 1;
        Ok(WaitRsp { calls: self.said })
    }

    async fn panic(&mut self, _cx: &ActorCx, _req: RoomReq) -> Result<(), Status> {
        panic!("asked to")
    }

    async fn fail(&mut self, _cx: &ActorCx, req: FailReq) -> Result<(), Status> {
        Err(req.error().into())
    }

    async fn relay(&mut self, cx: &ActorCx, req: RelayReq) -> Result<RelayRsp, Status> {
        cx.env().sleep(Duration::from_millis(req.wait_ms.into())).await;
        let mut passed = match req.to.split_first() {
            None => Vec::new(),
            Some((next, rest)) => {
                let req = RelayReq { id: *next, to: rest.to_vec(), wait_ms: req.wait_ms };
                RoomClient::new(cx).relay(req).await?.passed
            }
        };
        passed.push(self.id);
        Ok(RelayRsp { passed })
    }

    async fn count(&mut self, _cx: &ActorCx, _req: RoomReq) -> Result<CountRsp, Status> {
        Ok(CountRsp { count: self.said })
    }
}

/// Who earns this leaves.
pub(crate) const LEAVES: i64 = -1_000_000;

/// A member that lives in the store.
pub(crate) struct TestMember {
    state: MemberStateEntity,
}

impl Actor for TestMember {
    const NAME: &'static str = "member";
    type Key = String;
    type State = MemberStateEntity;

    async fn activate(
        _cx: &ActorCx,
        key: String,
        state: MemberStateEntity,
    ) -> Result<Self, Status> {
        if key == "cursed" {
            return Err(Status::new(Code::PermissionDenied, "nobody may be cursed"));
        }
        Ok(Self { state })
    }

    fn state(&mut self) -> &mut MemberStateEntity {
        &mut self.state
    }

    async fn deactivate(&mut self, _cx: &ActorCx, reason: DeactivateReason) {
        if reason == DeactivateReason::Idle && self.state.exists() {
            *self.state.visits_mut() += 1;
        }
    }
}

impl TestMember {
    fn answer(&self) -> Result<MemberRsp, Status> {
        Ok(MemberRsp { member: Some((*self.state).clone()) })
    }
}

impl Member for TestMember {
    async fn join(&mut self, _cx: &ActorCx, req: JoinReq) -> Result<MemberRsp, Status> {
        if req.name.is_empty() {
            return Err(Status::new(Code::InvalidArgument, "a member needs a name"));
        }
        self.state.set_name(req.name);
        self.answer()
    }

    async fn info(&mut self, cx: &ActorCx, req: InfoReq) -> Result<MemberRsp, Status> {
        if req.player == "slow" {
            cx.env().sleep(Duration::from_secs(1)).await;
        }
        self.answer()
    }

    async fn earn(&mut self, _cx: &ActorCx, req: EarnReq) -> Result<MemberRsp, Status> {
        if req.points == LEAVES {
            self.state.delete();
        } else if req.points != 0 {
            *self.state.points_mut() += req.points;
        }
        self.answer()
    }

    async fn leave(&mut self, _cx: &ActorCx, _req: InfoReq) -> Result<(), Status> {
        self.state.delete();
        Ok(())
    }

    async fn kick(&mut self, _cx: &ActorCx, _req: InfoReq) -> Result<(), Status> {
        panic!("asked to")
    }
}

/// One app with rooms and members.
pub(crate) async fn app(settings: &[(&str, &str)], store: &TestStore) -> RunningApp {
    app_named("dev.w1.room.1", settings, store).await
}

pub(crate) async fn app_named(
    id: &str,
    settings: &[(&str, &str)],
    store: &TestStore,
) -> RunningApp {
    app_in(Env::real(), id, settings, store).await
}

pub(crate) async fn app_in(
    env: Env,
    id: &str,
    settings: &[(&str, &str)],
    store: &TestStore,
) -> RunningApp {
    let mut config = Config::builder().set("app.id", id);
    for (key, value) in settings {
        config = config.flag(&format!("{key}={value}"));
    }
    let app = App::with(config.build().unwrap()).env(env).store(Arc::new(store.clone()));
    let app = app.actor::<TestRoom>(RoomServer);
    app.actor::<TestMember>(MemberServer).start().await.unwrap()
}

/// A memory store that counts, and fails when it is told to.
#[derive(Clone, Default)]
pub(crate) struct TestStore(Arc<Inner>);

#[derive(Default)]
struct Inner {
    store: MemoryStore,
    claims: AtomicU64,
    /// Everything but commits fails.
    away: AtomicBool,
    /// Nothing is written, and reads are answered.
    full: AtomicBool,
    commits: AtomicU64,
    /// Commits wait while somebody writes to this.
    gate: Arc<RwLock<()>>,
    /// What is on its way.
    late: Mutex<Vec<Batch>>,
    /// What the next commits fail with.
    failures: Mutex<VecDeque<Failure>>,
}

/// How a commit fails.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Failure {
    /// Nothing was written.
    Unavailable,
    /// It was written, but the answer is lost.
    AnswerLost,
    /// Nothing was written, and there is no answer.
    Silent,
    /// It was written, and there is no answer.
    Unanswered,
    /// It is on its way, and will be written when the test says so; that is not known.
    Late,
    /// Nothing was written, and never will be.
    Invalid,
}

impl TestStore {
    pub(crate) fn claims(&self) -> u64 {
        self.0.claims.load(Ordering::SeqCst)
    }

    pub(crate) fn commits(&self) -> u64 {
        self.0.commits.load(Ordering::SeqCst)
    }

    pub(crate) fn set_full(&self, full: bool) {
        self.0.full.store(full, Ordering::SeqCst);
    }

    fn refusal(&self, operation: &'static str) -> Option<StoreError> {
        let is = |flag: &AtomicBool| flag.load(Ordering::SeqCst);
        let away = is(&self.0.away) && operation != "commit";
        let full = is(&self.0.full) && !matches!(operation, "read" | "tombstones");
        let why = if full { "it is full" } else { "/secret/path" };
        let error = || StoreError::new(StoreErrorKind::Unavailable, operation, "the disk", why);
        (away || full).then(error)
    }

    pub(crate) fn set_away(&self, away: bool) {
        self.0.away.store(away, Ordering::SeqCst);
    }

    /// Commits wait as long as the result lives.
    pub(crate) async fn block(&self) -> OwnedRwLockWriteGuard<()> {
        Arc::clone(&self.0.gate).write_owned().await
    }

    pub(crate) fn fail_next(&self, failures: &[Failure]) {
        self.0.failures.lock().extend(failures);
    }

    /// What was on its way arrives; what the store says to it.
    pub(crate) async fn land(&self) -> Vec<Result<Committed, StoreError>> {
        let late = std::mem::take(&mut *self.0.late.lock());
        self.0.store.commit(late).await
    }

    /// The member as it stands in the store.
    pub(crate) async fn member(&self, player: &str) -> Option<Row> {
        let table = <MemberStateEntity as guildhall::entity::Entity>::TABLE;
        let row = RowId { table, key: player.into(), sub: None };
        self.0.store.read(&[row]).await.unwrap().remove(0)
    }
}

impl StoreLayer for TestStore {
    fn inner(&self) -> &dyn Store {
        &self.0.store
    }

    fn around<'a, T: Send + 'static>(
        &'a self,
        operation: &'static str,
        request: BoxFuture<'a, Result<T, StoreError>>,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        if operation == "claim" {
            self.0.claims.fetch_add(1, Ordering::SeqCst);
        }
        if let Some(error) = self.refusal(operation) {
            return Box::pin(std::future::ready(Err(error)));
        }
        Box::pin(async move {
            let result = request.await;
            if operation == "read" {
                // Who reads at the same time sees the same.
                tokio::task::yield_now().await;
            }
            result
        })
    }

    fn around_commit(
        &self,
        batches: Vec<Batch>,
    ) -> BoxFuture<'_, Vec<Result<Committed, StoreError>>> {
        Box::pin(async move {
            drop(self.0.gate.read().await);
            self.0.commits.fetch_add(1, Ordering::SeqCst);
            if let Some(error) = self.refusal("commit") {
                return vec![Err(error); batches.len()];
            }
            let failure = self.0.failures.lock().pop_front();
            let lost = |kind| StoreError::new(kind, "commit", "a batch", "as the test wants");
            match failure {
                None => self.0.store.commit(batches).await,
                Some(Failure::Unavailable) => {
                    vec![Err(lost(StoreErrorKind::Unavailable)); batches.len()]
                }
                Some(Failure::Late) => {
                    let lost = vec![Err(lost(StoreErrorKind::Unknown)); batches.len()];
                    self.0.late.lock().extend(batches);
                    lost
                }
                Some(Failure::Invalid) => {
                    vec![Err(lost(StoreErrorKind::Invalid)); batches.len()]
                }
                Some(Failure::Unanswered) => {
                    self.0.store.commit(batches).await;
                    std::future::pending().await
                }
                Some(Failure::Silent) => std::future::pending().await,
                Some(Failure::AnswerLost) => {
                    let results = self.0.store.commit(batches).await;
                    results.iter().map(|_| Err(lost(StoreErrorKind::Unknown))).collect()
                }
            }
        })
    }
}
