//! A turn that fails changes nothing; what could be written and not read again fails its turn.

use std::sync::Arc;
use std::time::Duration;

use guildhall::entity::Entity as _;
use guildhall::status::reason;
use guildhall::store::{Row, RowId, Store as _, Value};
use guildhall::{
    Actor, ActorCx, App, Bytes, Code, Config, Cx, Effect, RunningApp, Schedule, Status,
};
use guildhall_wire::Session;
use proto::vault::{
    End, Node, PutReq, ShowReq, Vault, VaultClient, VaultRsp, VaultServer, VaultState,
    VaultStateEntity,
};
use tokio::task::JoinHandle;

use crate::durable::settle;
use crate::rooms::{Failure, TestStore};
use crate::world::{spawn, still};

struct TestVault {
    state: VaultStateEntity,
    /// Turns that have begun: what it holds outside of its entity is its own.
    turns: usize,
}

impl Actor for TestVault {
    const NAME: &'static str = "vault";
    type Key = String;
    type State = VaultStateEntity;

    async fn activate(_cx: &ActorCx, _id: String, state: VaultStateEntity) -> Result<Self, Status> {
        Ok(Self { state, turns: 0 })
    }

    fn state(&mut self) -> &mut VaultStateEntity {
        &mut self.state
    }
}

impl TestVault {
    async fn change(&mut self, cx: &ActorCx, req: PutReq) -> Result<VaultRsp, Status> {
        self.turns += 1;
        let end = req.end();
        if req.delete {
            self.state.delete();
        }
        *self.state.sum_mut() += req.add;
        if !req.label.is_empty() {
            self.state.set_label(req.label);
        }
        if req.deep > 0 {
            self.state.set_tree(tree(req.deep));
        }
        if req.deep_maps > 0 {
            self.state.set_tree(tree_of_maps(req.deep_maps));
        }
        if req.bytes > 0 {
            self.state.set_bytes(vec![7; req.bytes as usize]);
        }
        if !req.remind.is_empty() {
            let at = cx.env().wall() + Duration::from_secs(1);
            let rings = PutReq { add: 100, ..PutReq::default() };
            cx.remind(&req.remind, Schedule::at(at), VaultClient::RINGS, rings)?;
        }
        if !req.forget.is_empty() {
            cx.forget_reminder(&req.forget);
        }
        if !req.send_to.is_empty() {
            let sent = PutReq { id: req.send_to, add: req.add, ..PutReq::default() };
            cx.outbox(VaultClient::PUT_DURABLY, sent)?;
        }
        match end {
            End::Well => self.answer(req.answer),
            End::Error => Err(Status::new(Code::FailedPrecondition, "asked to")),
            End::Panic => panic!("asked to"),
            End::Hang => std::future::pending().await,
        }
    }

    /// Not with what is large, or deep: a reply has limits of its own.
    fn answer(&self, bytes: u32) -> Result<VaultRsp, Status> {
        let vault = VaultState { tree: None, bytes: Bytes::new(), ..(*self.state).clone() };
        Ok(VaultRsp {
            vault: Some(vault),
            answer: vec![1; bytes as usize].into(),
            deep: depth(self.state.tree.as_ref()),
            bytes: u32::try_from(self.state.bytes.len()).unwrap(),
        })
    }
}

impl Vault for TestVault {
    async fn put(&mut self, cx: &ActorCx, req: PutReq) -> Result<VaultRsp, Status> {
        self.change(cx, req).await
    }

    async fn put_durably(&mut self, cx: &ActorCx, req: PutReq) -> Result<VaultRsp, Status> {
        self.change(cx, req).await
    }

    async fn put_anyway(&mut self, cx: &ActorCx, req: PutReq) -> Result<VaultRsp, Status> {
        self.change(cx, req).await
    }

    async fn rings(&mut self, _cx: &ActorCx, req: PutReq) -> Result<(), Status> {
        self.state.got_mut().push(req.add);
        Ok(())
    }

    async fn show(&mut self, _cx: &ActorCx, _req: ShowReq) -> Result<VaultRsp, Status> {
        self.answer(0)
    }
}

fn tree(deep: u32) -> Node {
    (1..deep)
        .fold(Node::default(), |inner, _| Node { inner: Some(Box::new(inner)), ..Node::default() })
}

fn tree_of_maps(deep: u32) -> Node {
    (1..deep).fold(Node::default(), |inner, _| Node {
        named: [("a".to_owned(), inner)].into(),
        ..Node::default()
    })
}

fn depth(mut tree: Option<&Node>) -> u32 {
    let mut depth = 0;
    while let Some(node) = tree {
        depth += 1;
        tree = node.inner.as_deref().or(node.named.get("a"));
    }
    depth
}

async fn app(settings: &[(&str, &str)], store: &TestStore) -> RunningApp {
    let config = Config::builder().set("app.id", "dev.w1.vault.1");
    let flags = settings.iter().map(|(key, value)| format!("{key}={value}"));
    let config = flags.fold(config, |config, flag| config.flag(&flag)).build().unwrap();
    // Its wall clock goes with the time of the test: for reminders.
    let app = App::with(config).env(still()).store(Arc::new(store.clone()));
    app.actor::<TestVault>(VaultServer).start().await.unwrap()
}

fn req(id: &str, add: i64) -> PutReq {
    PutReq { id: id.into(), add, ..PutReq::default() }
}

async fn put(cx: &Cx, req: PutReq) -> Result<VaultState, Status> {
    Ok(VaultClient::new(cx).put(req).await?.vault.unwrap())
}

async fn put_durably(cx: &Cx, req: PutReq) -> Result<VaultState, Status> {
    Ok(VaultClient::new(cx).put_durably(req).await?.vault.unwrap())
}

fn putting_durably(cx: &Cx, req: PutReq) -> JoinHandle<Result<VaultState, Status>> {
    let cx = cx.clone();
    spawn(async move { put_durably(&cx, req).await })
}

async fn show(cx: &Cx, id: &str) -> Result<VaultState, Status> {
    Ok(VaultClient::new(cx).show(ShowReq { id: id.into() }).await?.vault.unwrap())
}

/// The row of a vault, as the store has it.
async fn row(store: &TestStore, id: &str) -> Row {
    let row = RowId { table: VaultStateEntity::TABLE, key: id.into(), sub: None };
    store.read(&[row]).await.unwrap().remove(0).unwrap()
}

fn sum_of(row: &Row) -> Option<&Value> {
    row.fields.iter().find(|(number, _)| *number == 2).map(|(_, value)| value)
}

fn command(cx: &Cx, number: u64, resent: bool) -> Cx {
    let session = Session {
        player: "ann".into(),
        session: "s1".into(),
        generation: 1,
        answered: 1,
        number,
        resent,
        ..Session::default()
    };
    cx.with_session(session)
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_returns_an_error_changes_nothing() {
    let store = TestStore::default();
    let first = app(&[], &store).await;
    let cx = first.cx();
    let kept = PutReq { bytes: 3, deep: 2, label: "a".into(), ..req("ann", 5) };
    let before = VaultClient::new(&cx).put(kept).await.unwrap();
    let show = async |cx: &Cx, id: &str| VaultClient::new(cx).show(ShowReq { id: id.into() }).await;
    put(&cx, req("bob", 1)).await.unwrap();
    for durable in [false, true] {
        let all = PutReq {
            label: "b".into(),
            deep: 7,
            bytes: 9,
            remind: "soon".into(),
            send_to: "bob".into(),
            end: End::Error.into(),
            ..req("ann", 10)
        };
        for req in [PutReq { delete: true, ..all.clone() }, all] {
            let failed = match durable {
                true => put_durably(&cx, req).await,
                false => put(&cx, req).await,
            };
            let status = failed.unwrap_err();
            assert_eq!(status.code(), Code::FailedPrecondition, "{status}");
            assert_eq!(status.effect(), Effect::Ran);
            assert_eq!(show(&cx, "ann").await.unwrap(), before);
        }
    }
    cx.env().sleep(Duration::from_secs(30)).await;
    let bob = show(&cx, "bob").await.unwrap().vault.unwrap();
    assert_eq!(bob.sum, 1, "no message has gone out");
    assert_eq!(show(&cx, "ann").await.unwrap(), before, "no reminder has rung");
    first.shutdown().await;
    let second = app(&[], &store).await;
    assert_eq!(show(&second.cx(), "ann").await.unwrap(), before, "nor is it in the store");
    put(&second.cx(), PutReq { label: "b".into(), ..req("cid", 1) }).await.unwrap();
}

/// The natural order: take the money, then send it.
#[tokio::test(start_paused = true)]
async fn what_a_turn_took_before_its_outbox_was_full_is_not_lost() {
    let store = TestStore::default();
    let app = app(&[("actor.vault.outbox_max", "2")], &store).await;
    let cx = app.cx();
    put(&cx, req("ann", 100)).await.unwrap();
    let send = || {
        let cx = cx.clone();
        let req = PutReq { send_to: "bob".into(), ..req("ann", 1) };
        spawn(async move { put_durably(&cx, req).await })
    };
    let blocked = store.block().await;
    let sent: Vec<_> = (0..5).map(|_| send()).collect();
    settle().await;
    drop(blocked);
    let mut done = 0;
    for sent in sent {
        match sent.await.unwrap() {
            Ok(_) => done += 1,
            Err(status) => assert_eq!(status.reason(), reason::OVERLOADED, "{status}"),
        }
    }
    assert_eq!(done, 2);
    cx.env().sleep(Duration::from_secs(10)).await;
    assert_eq!(show(&cx, "ann").await.unwrap().sum, 100 + done);
    assert_eq!(show(&cx, "bob").await.unwrap().sum, done);
}

#[tokio::test(start_paused = true)]
async fn reminders_of_a_failed_turn_are_as_they_were() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    let cx = app.cx();
    put_durably(&cx, PutReq { remind: "old".into(), ..req("ann", 1) }).await.unwrap();
    let failing = PutReq {
        forget: "old".into(),
        remind: "new".into(),
        end: End::Error.into(),
        ..req("ann", 1)
    };
    put_durably(&cx, failing).await.unwrap_err();
    cx.env().sleep(Duration::from_secs(30)).await;
    assert_eq!(show(&cx, "ann").await.unwrap().got, [100], "the old one has rung, once");
}

#[tokio::test(start_paused = true)]
async fn a_method_that_keeps_on_error_keeps_what_it_has_changed() {
    let store = TestStore::default();
    let first = app(&[], &store).await;
    let cx = first.cx();
    let failing = PutReq { end: End::Error.into(), ..req("ann", 5) };
    VaultClient::new(&cx).put_anyway(failing).await.unwrap_err();
    assert_eq!(show(&cx, "ann").await.unwrap().sum, 5);
    first.shutdown().await;
    let second = app(&[], &store).await;
    assert_eq!(show(&second.cx(), "ann").await.unwrap().sum, 5);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_panics_or_takes_too_long_costs_itself_and_nothing_of_earlier_turns() {
    let store = TestStore::default();
    let app = app(&[("actor.vault.turn_limit_ms", "1000")], &store).await;
    let cx = app.cx();
    for (sum, end, why) in [(5, End::Panic, reason::PANICKED), (10, End::Hang, reason::TURN_LIMIT)]
    {
        assert_eq!(put(&cx, req("ann", 5)).await.unwrap().sum, sum);
        let failing = PutReq { delete: true, end: end.into(), ..req("ann", 100) };
        let status = put(&cx, failing).await.unwrap_err();
        assert_eq!((status.reason(), status.effect()), (why, Effect::MayHaveRun));
        assert_eq!(show(&cx, "ann").await.unwrap().sum, sum, "what was not saved before is there");
    }
    assert!(cx.metrics().text().contains("guildhall_actor_dropped_total 2\n"));
}

#[tokio::test(start_paused = true)]
async fn a_command_that_failed_is_answered_again_in_the_same_way_and_changes_nothing_twice() {
    let app = app(&[], &TestStore::default()).await;
    let cx = app.cx();
    put(&cx, PutReq { label: "taken".into(), ..req("bob", 0) }).await.unwrap();
    let failing = PutReq { end: End::Error.into(), ..req("ann", 5) };
    let taken = PutReq { label: "taken".into(), ..req("ann", 5) };
    put(&cx, req("ann", 1)).await.unwrap();
    for (number, req) in [(1, failing), (2, taken)] {
        let first = put_durably(&command(&cx, number, false), req.clone()).await.unwrap_err();
        let again = put_durably(&command(&cx, number, true), req).await.unwrap_err();
        assert_eq!((first.effect(), &first), (Effect::Ran, &again));
    }
    assert_eq!(show(&cx, "ann").await.unwrap().sum, 1);
}

#[tokio::test(start_paused = true)]
async fn a_taken_value_of_a_unique_field_fails_its_own_call_and_nothing_else() {
    let store = TestStore::default();
    let first = app(&[], &store).await;
    let cx = first.cx();
    put(&cx, PutReq { label: "a".into(), ..req("ann", 0) }).await.unwrap();
    put(&cx, PutReq { label: "b".into(), ..req("bob", 5) }).await.unwrap();
    for (sum, durable) in [(6, true), (8, false)] {
        assert_eq!(put(&cx, req("bob", 1)).await.unwrap().sum, sum, "it is not saved yet");
        let taken = PutReq { label: "a".into(), ..req("bob", 100) };
        let refused = match durable {
            true => put_durably(&cx, taken).await,
            false => put(&cx, taken).await,
        };
        let status = refused.unwrap_err();
        let found = (status.code(), status.reason(), status.effect());
        assert_eq!(found, (Code::AlreadyExists, reason::EXISTS, Effect::Ran), "{status}");
        let bob = show(&cx, "bob").await.unwrap();
        assert_eq!((bob.label.as_str(), bob.sum), ("b", sum));
        assert_eq!(put_durably(&cx, req("bob", 1)).await.unwrap().sum, sum + 1);
        assert_eq!(sum_of(&row(&store, "bob").await), Some(&Value::Int(sum + 1)));
    }
    assert_eq!(put(&cx, req("bob", 1)).await.unwrap().sum, 10);
    first.shutdown().await;
    let second = app(&[], &store).await;
    let bob = show(&second.cx(), "bob").await.unwrap();
    assert_eq!((bob.label.as_str(), bob.sum), ("b", 10), "a shutdown loses nothing");
    let next = PutReq { label: "c".into(), ..req("bob", 0) };
    assert_eq!(put_durably(&second.cx(), next).await.unwrap().label, "c");
}

/// Replies that wait for the commit which the refused turn was part of get theirs from the next one.
#[tokio::test(start_paused = true)]
async fn replies_that_wait_are_not_failed_by_a_turn_that_is_refused_after_them() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    let cx = app.cx();
    put(&cx, PutReq { label: "a".into(), ..req("ann", 0) }).await.unwrap();
    put(&cx, req("bob", 0)).await.unwrap();
    let blocked = store.block().await;
    let one = putting_durably(&cx, req("bob", 1));
    let two = putting_durably(&cx, req("bob", 10));
    let taken = putting_durably(&cx, PutReq { label: "a".into(), ..req("bob", 100) });
    let three = putting_durably(&cx, req("bob", 1_000));
    settle().await;
    drop(blocked);
    assert_eq!(one.await.unwrap().unwrap().sum, 1);
    assert_eq!(two.await.unwrap().unwrap().sum, 11);
    assert_eq!(taken.await.unwrap().unwrap_err().reason(), reason::EXISTS);
    assert_eq!(three.await.unwrap().unwrap().sum, 1_011);
    assert_eq!(sum_of(&row(&store, "bob").await), Some(&Value::Int(1_011)));
}

/// Whatever the reason of the store: the actor begins again with what the store has.
#[tokio::test(start_paused = true)]
async fn a_save_that_the_store_refuses_for_good_does_not_stop_those_after_it() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    let cx = app.cx();
    assert_eq!(put_durably(&cx, req("ann", 1)).await.unwrap().sum, 1);
    store.fail_next(&[Failure::Invalid]);
    let status = put_durably(&cx, req("ann", 10)).await.unwrap_err();
    assert_eq!((status.reason(), status.effect()), (reason::STORE, Effect::Ran), "{status}");
    assert_eq!(show(&cx, "ann").await.unwrap().sum, 1);
    assert_eq!(put_durably(&cx, req("ann", 100)).await.unwrap().sum, 101);
    app.shutdown().await;
    assert_eq!(sum_of(&row(&store, "ann").await), Some(&Value::Int(101)));
}

#[tokio::test(start_paused = true)]
async fn what_is_nested_too_deep_to_be_read_again_is_refused_and_all_else_is_read_again() {
    type Case = fn(u32) -> PutReq;
    let store = TestStore::default();
    let mut running = app(&[], &store).await;
    let cases: [(&str, Case); 2] = [
        ("ann", |deep| PutReq { deep, ..req("ann", 1) }),
        ("bob", |deep_maps| PutReq { deep_maps, ..req("bob", 1) }),
    ];
    for (id, case) in cases {
        let (mut deepest, mut refused, mut sum) = (0, 0, 0);
        for deep in (40..60).chain(90..110) {
            match put_durably(&running.cx(), case(deep)).await {
                Ok(vault) => {
                    deepest = deep;
                    assert_eq!(vault.sum, sum + 1);
                    sum += 1;
                }
                Err(status) => {
                    let found = (status.code(), status.reason(), status.effect());
                    let wanted = (Code::InvalidArgument, reason::TOO_LARGE, Effect::Ran);
                    assert_eq!(found, wanted, "{status}");
                    refused += 1;
                }
            }
        }
        assert!(deepest >= 49 && refused > 5, "{id}: {deepest} deep, {refused} were refused");
        running.shutdown().await;
        running = app(&[], &store).await;
        let shown = VaultClient::new(&running.cx()).show(ShowReq { id: id.into() }).await.unwrap();
        assert_eq!((shown.deep, shown.vault.unwrap().sum), (deepest, sum), "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn rows_have_a_maximum_and_the_turn_that_would_exceed_it_changes_nothing() {
    let store = TestStore::default();
    let app = app(&[("store.row_max", "10000")], &store).await;
    let cx = app.cx();
    let bytes = |bytes| PutReq { bytes, ..req("ann", 1) };
    put_durably(&cx, bytes(9_000)).await.unwrap();
    for durable in [false, true] {
        let refused = match durable {
            true => put_durably(&cx, bytes(11_000)).await,
            false => put(&cx, bytes(11_000)).await,
        };
        let status = refused.unwrap_err();
        let found = (status.code(), status.reason(), status.effect());
        let wanted = (Code::ResourceExhausted, reason::TOO_LARGE, Effect::Ran);
        assert_eq!(found, wanted, "{status}");
        assert!(status.message().contains("store.row_max"), "{status}");
        let shown = VaultClient::new(&cx).show(ShowReq { id: "ann".into() }).await.unwrap();
        assert_eq!((shown.bytes, shown.vault.unwrap().sum), (9_000, 1));
    }
    put_durably(&cx, bytes(100)).await.unwrap();
    put_durably(&cx, bytes(9_000)).await.unwrap();
}

/// Replies of commands and messages of the outbox are in the row too.
#[tokio::test(start_paused = true)]
async fn the_maximum_of_a_row_counts_its_records() {
    const MAX: usize = 10_000;
    let store = TestStore::default();
    let app = app(&[("store.row_max", &MAX.to_string())], &store).await;
    let cx = app.cx();
    let size = |row: &Row| {
        let value = |(_, value): &(u32, Value)| match value {
            Value::Bytes(bytes) => bytes.len(),
            Value::Text(text) => text.len(),
            _ => 8,
        };
        row.records.len() + row.fields.iter().map(value).sum::<usize>()
    };
    let mut refused = 0;
    for number in 1..=40 {
        let req = PutReq { answer: 500, ..req("ann", 1) };
        match put_durably(&command(&cx, number, false), req).await {
            Ok(_) => assert_eq!(refused, 0, "command {number} fits and an earlier one did not"),
            Err(status) => {
                assert_eq!((status.reason(), status.effect()), (reason::TOO_LARGE, Effect::Ran));
                refused += 1;
            }
        }
        let size = size(&row(&store, "ann").await);
        assert!(size <= MAX, "{size} bytes after command {number}");
    }
    assert!((10..30).contains(&refused), "{refused} were refused");
    // The receiver is never there, so they stay.
    for n in 0..40 {
        let message = PutReq { send_to: "x".repeat(500), ..req("bob", n) };
        let _some_fail = put_durably(&cx, message).await;
        let size = size(&row(&store, "bob").await);
        assert!(size <= MAX, "{size} bytes after message {n}");
    }
}
