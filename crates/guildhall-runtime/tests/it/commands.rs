//! Commands of sessions: one that is sent again has its reply again, and is not run again.

use std::time::Duration;

use guildhall::status::reason;
use guildhall::{Code, Cx, Effect, RunningApp, Status};
use guildhall_core::KeyText;
use guildhall_runtime::proto::Records;
use guildhall_runtime::raw;
use guildhall_wire::Session;
use prost::Message as _;
use proto::room::{InfoReq, MemberClient, RoomClient, RoomReq, SayReq, WaitReq};

use crate::durable::{earning, points, settle};
use crate::entities::{earn, info, join};
use crate::rooms::{Failure, LEAVES, TestMember, TestStore, app, app_named};
use crate::world::{say, spawn};

/// A client of ann's.
struct Client {
    cx: Cx,
    session: Session,
}

impl Client {
    fn of(app: &RunningApp) -> Self {
        let session = Session {
            player: "ann".into(),
            session: "s1".into(),
            generation: 1,
            answered: 1,
            ..Session::default()
        };
        Self { cx: app.cx(), session }
    }

    /// Sends a command for the first time.
    fn sends(&self, number: u64) -> Cx {
        self.cx.with_session(Session { number, ..self.session.clone() })
    }

    /// Sends it again.
    fn repeats(&self, number: u64) -> Cx {
        self.cx.with_session(Session { number, resent: true, ..self.session.clone() })
    }

    /// All commands below this one have their replies.
    fn confirms(&mut self, number: u64) {
        self.session.answered = number;
    }

    fn logged_in(&self, session: &str, generation: u64) -> Self {
        let session = Session { session: session.into(), generation, ..self.session.clone() };
        Self { cx: self.cx.clone(), session }
    }
}

async fn says(cx: &Cx, text: &str) -> Result<u64, Status> {
    Ok(RoomClient::new(cx).say(SayReq { id: 7, text: text.into() }).await?.number)
}

/// The room of all tests begins anew.
async fn panic_room(cx: &Cx) {
    RoomClient::new(cx).panic(RoomReq { id: 7 }).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_command_that_is_sent_again_has_its_reply_again_and_is_not_run_again() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    let ann = Client::of(&app);
    join(&ann.cx, "ann").await.unwrap();
    assert_eq!(earn(&ann.sends(1), "ann", 5).await.unwrap(), 5);
    assert_eq!(earn(&ann.sends(2), "ann", 1).await.unwrap(), 6);
    for number in [1, 2, 1] {
        let was = if number == 1 { 5 } else { 6 };
        assert_eq!(earn(&ann.repeats(number), "ann", 5).await.unwrap(), was);
    }
    assert_eq!(info(&ann.cx, "ann").await.unwrap().points, 6);
}

#[tokio::test(start_paused = true)]
async fn replies_of_commands_to_come_are_not_believed_to_be_there() {
    let app = app(&[], &TestStore::default()).await;
    let mut ann = Client::of(&app);
    join(&ann.cx, "ann").await.unwrap();
    ann.confirms(u64::MAX);
    assert_eq!(earn(&ann.sends(1), "ann", 5).await.unwrap(), 5);
    assert_eq!(earn(&ann.repeats(1), "ann", 5).await.unwrap(), 5, "the reply of the first time");
    assert_eq!(earn(&ann.sends(2), "ann", 1).await.unwrap(), 6);
    assert_eq!(info(&ann.cx, "ann").await.unwrap().points, 6);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_failed_fails_again_in_the_same_way() {
    let app = app(&[], &TestStore::default()).await;
    let ann = Client::of(&app);
    let req = || proto::room::FailReq { id: 7, error: proto::room::RoomError::NameTaken.into() };
    let first = RoomClient::new(&ann.sends(1)).fail(req()).await.unwrap_err();
    let again = RoomClient::new(&ann.repeats(1)).fail(req()).await.unwrap_err();
    assert_eq!(first, again);
    assert_eq!(again.effect(), Effect::Ran);
}

/// The write is in the store, and the owner dies before it hears so.
#[tokio::test(start_paused = true)]
async fn a_command_whose_owner_died_after_the_commit_has_its_reply_from_the_next_owner() {
    let store = TestStore::default();
    let old = app_named("dev.w1.room.1", &[], &store).await;
    let ann = Client::of(&old);
    join(&ann.cx, "ann").await.unwrap();
    earn(&ann.sends(1), "ann", 1).await.unwrap();
    store.fail_next(&[Failure::Unanswered]);
    let lost = earning(&ann.sends(2), "ann", 5);
    while points(&store, "ann").await != Some(guildhall::store::Value::Int(6)) {
        settle().await;
    }
    old.cx().env().kill();
    drop(lost);
    let new = app_named("dev.w1.room.2", &[], &store).await;
    let ann = Client::of(&new);
    assert_eq!(earn(&ann.repeats(2), "ann", 5).await.unwrap(), 6);
    assert_eq!(earn(&ann.repeats(1), "ann", 1).await.unwrap(), 1, "both are outstanding");
    assert_eq!(info(&ann.cx, "ann").await.unwrap().points, 6);
}

/// The owner dies before the write is in the store.
#[tokio::test(start_paused = true)]
async fn a_durable_command_that_was_not_committed_runs_when_it_is_sent_again() {
    let store = TestStore::default();
    let old = app_named("dev.w1.room.1", &[], &store).await;
    join(&old.cx(), "ann").await.unwrap();
    earn(&old.cx(), "ann", 1).await.unwrap();
    store.fail_next(&[Failure::Silent]);
    let lost = earning(&Client::of(&old).sends(1), "ann", 5);
    settle().await;
    old.cx().env().kill();
    drop(lost);
    let new = app_named("dev.w1.room.2", &[], &store).await;
    assert_eq!(earn(&Client::of(&new).repeats(1), "ann", 5).await.unwrap(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_is_sent_again_while_it_is_committed_waits_for_that() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    let ann = Client::of(&app);
    join(&ann.cx, "ann").await.unwrap();
    let blocked = store.block().await;
    let (first, again) = (earning(&ann.sends(1), "ann", 5), earning(&ann.repeats(1), "ann", 5));
    settle().await;
    assert!(!first.is_finished() && !again.is_finished());
    drop(blocked);
    assert_eq!((first.await.unwrap().unwrap(), again.await.unwrap().unwrap()), (5, 5));
    assert_eq!(store.commits(), 2, "the name's, and this one's");
}

#[tokio::test(start_paused = true)]
async fn a_command_that_is_sent_again_while_it_runs_waits_for_that() {
    let app = app(&[], &TestStore::default()).await;
    let ann = Client::of(&app);
    let wait =
        |cx: Cx| spawn(async move { RoomClient::new(&cx).wait(WaitReq { id: 7, ms: 100 }).await });
    let (first, again) = (wait(ann.sends(1)), wait(ann.repeats(1)));
    assert_eq!((first.await.unwrap().unwrap().calls, again.await.unwrap().unwrap().calls), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn commands_may_overtake_each_other() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    let ann = Client::of(&app);
    join(&ann.cx, "ann").await.unwrap();
    assert_eq!(earn(&ann.sends(3), "ann", 3).await.unwrap(), 3);
    assert_eq!(earn(&ann.sends(1), "ann", 1).await.unwrap(), 4);
    assert_eq!(earn(&ann.repeats(3), "ann", 3).await.unwrap(), 3);
    assert_eq!(earn(&ann.sends(2), "ann", 2).await.unwrap(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_the_client_has_the_reply_of_is_gone_also_after_a_crash() {
    let store = TestStore::default();
    let old = app_named("dev.w1.room.1", &[], &store).await;
    let mut ann = Client::of(&old);
    join(&ann.cx, "ann").await.unwrap();
    earn(&ann.sends(1), "ann", 5).await.unwrap();
    ann.confirms(2);
    earn(&ann.sends(2), "ann", 5).await.unwrap();
    ann.confirms(1);
    let gone = earn(&ann.repeats(1), "ann", 5).await.unwrap_err();
    assert_eq!((gone.reason(), gone.effect()), (reason::REPLY_GONE, Effect::Ran));
    old.cx().env().kill();
    let new = app_named("dev.w1.room.2", &[], &store).await;
    let gone = earn(&Client::of(&new).repeats(1), "ann", 5).await.unwrap_err();
    assert_eq!((gone.reason(), gone.effect()), (reason::REPLY_GONE, Effect::Ran));
    assert_eq!(info(&new.cx(), "ann").await.unwrap().points, 10);
}

#[tokio::test(start_paused = true)]
async fn the_command_that_deleted_its_entity_has_its_reply_again() {
    let store = TestStore::default();
    let old = app_named("dev.w1.room.1", &[], &store).await;
    let ann = Client::of(&old);
    join(&ann.cx, "ann").await.unwrap();
    earn(&ann.sends(1), "ann", 5).await.unwrap();
    earn(&ann.sends(2), "ann", LEAVES).await.unwrap();
    assert_eq!(earn(&ann.repeats(2), "ann", LEAVES).await.unwrap(), 0);
    assert_eq!(info(&ann.cx, "ann").await.unwrap_err().code(), Code::NotFound);
    assert_eq!(earn(&ann.repeats(1), "ann", 5).await.unwrap(), 5);
    old.cx().env().kill();
    let new = app_named("dev.w1.room.2", &[], &store).await;
    let (ann, claims) = (Client::of(&new), store.claims());
    assert_eq!(earn(&ann.repeats(2), "ann", LEAVES).await.unwrap(), 0);
    assert_eq!(store.claims(), claims + 1, "nothing answers that was not claimed");
    assert_eq!(earn(&ann.repeats(1), "ann", 5).await.unwrap(), 5);
    assert_eq!(earn(&ann.sends(3), "ann", 5).await.unwrap_err().code(), Code::NotFound);
    let claims = store.claims();
    for _ in 0..10 {
        let other = ann.logged_in("guessed", 1).repeats(1);
        assert_eq!(earn(&other, "ann", 5).await.unwrap_err().code(), Code::NotFound);
    }
    assert_eq!(store.claims(), claims, "who has no record there claims nothing");
    assert_eq!(earn(&ann.sends(4), "ann", 5).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(store.claims(), claims, "nor does one that sends something new");
    assert!(
        store.member("ann").await.is_some_and(|row| !row.exists),
        "nothing has brought her back"
    );
}

#[tokio::test(start_paused = true)]
async fn a_command_without_a_record_runs_only_if_that_does_no_harm() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    let ann = Client::of(&app);
    join(&ann.cx, "ann").await.unwrap();
    assert_eq!(earn(&ann.repeats(1), "ann", 5).await.unwrap(), 5, "durable");
    let read = MemberClient::new(&ann.repeats(2)).info(InfoReq { player: "ann".into() }).await;
    assert_eq!(read.unwrap().member.unwrap().points, 5, "idempotent");
    says(&ann.sends(3), "hi").await.unwrap();
    panic_room(&ann.cx).await;
    let unknown = says(&ann.repeats(3), "hi").await.unwrap_err();
    assert_eq!((unknown.reason(), unknown.effect()), (reason::LOST, Effect::MayHaveRun));
    assert_eq!(says(&ann.sends(4), "hi").await.unwrap(), 0);
    let req = InfoReq { player: "bob".into() };
    let unknown = MemberClient::new(&ann.repeats(5)).leave(req).await.unwrap_err();
    assert_eq!(unknown.effect(), Effect::MayHaveRun, "he may be gone because of it");
}

#[tokio::test(start_paused = true)]
async fn a_number_that_was_another_method_is_refused() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    let ann = Client::of(&app);
    join(&ann.sends(1), "ann").await.unwrap();
    let refused = earn(&ann.sends(1), "ann", 5).await.unwrap_err();
    assert_eq!((refused.reason(), refused.effect()), (reason::BAD_REQUEST, Effect::NotRun));
}

#[tokio::test(start_paused = true)]
async fn records_have_bounds_and_the_call_of_one_more_is_refused() {
    let store = TestStore::default();
    let app = app(&[("actor.member.records_max", "2")], &store).await;
    let mut ann = Client::of(&app);
    join(&ann.cx, "ann").await.unwrap();
    earn(&ann.sends(1), "ann", 1).await.unwrap();
    earn(&ann.sends(2), "ann", 1).await.unwrap();
    let refused = earn(&ann.sends(3), "ann", 1).await.unwrap_err();
    assert_eq!((refused.reason(), refused.effect()), (reason::OVERLOADED, Effect::NotRun));
    assert!(refused.message().contains("records_max"), "{refused}");
    ann.confirms(2);
    assert_eq!(earn(&ann.sends(3), "ann", 1).await.unwrap(), 3);
}

impl Client {
    /// What an app calls inside a command of another player, who may not call for this one itself.
    fn inside(&self, player: &str) -> Cx {
        let (path, number, inner) = (vec![2, 0], 0, true);
        let (player, session) = (player.to_owned(), player.to_owned());
        let session = Session { player, session, number, path, inner, ..self.session.clone() };
        self.cx.with_session(session)
    }
}

#[tokio::test(start_paused = true)]
async fn records_are_bounded_in_bytes_by_player_before_by_actor() {
    let store = TestStore::default();
    let settings =
        [("actor.member.peer_bytes_max", "400"), ("actor.member.records_bytes_max", "1000")];
    let app = app(&settings, &store).await;
    let ann = Client::of(&app);
    join(&ann.cx, "ann").await.unwrap();
    let mut told = 0;
    let refused = loop {
        match earn(&ann.sends(told + 2), "ann", 1).await {
            Ok(_) => told += 1,
            Err(status) => break status,
        }
    };
    assert_eq!((refused.reason(), refused.effect()), (reason::OVERLOADED, Effect::NotRun));
    assert!(
        refused.message().contains("400") && refused.message().contains("peer_bytes_max"),
        "{refused}"
    );
    assert!((2..8).contains(&told), "{told} records in 400 bytes");
    // One who has filled what is one player's takes nothing from others; many together come to the bound of the actor.
    let mut players = 0;
    let refused = loop {
        match earn(&ann.inside(&format!("p{players}")), "ann", 1).await {
            Ok(_) => players += 1,
            Err(status) => break status,
        }
    };
    assert!((2..10).contains(&players), "{players} players in 600 bytes");
    assert!(refused.message().contains("records_bytes_max"), "{refused}");
    let row = store.member("ann").await.unwrap().records.len();
    assert!(row <= 1000 + 200, "{row} bytes in the row");
    // Those who have not called for long enough make room.
    ann.cx.env().sleep(Duration::from_secs(121)).await;
    earn(&ann.inside("eve"), "ann", 1).await.unwrap();
    assert!(store.member("ann").await.unwrap().records.len() < 200, "the others are gone");
}

#[tokio::test(start_paused = true)]
async fn thousands_of_sessions_may_use_one_actor() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    let ann = Client::of(&app);
    join(&ann.cx, "boss").await.unwrap();
    for n in 1..=2000 {
        let raider = ann.inside(&format!("raider {n}"));
        assert_eq!(earn(&raider, "boss", 1).await.unwrap(), n);
    }
    let again = ann.inside("raider 1");
    assert_eq!(earn(&again, "boss", 1).await.unwrap(), 1, "the first one is remembered too");
    // Rounds of the same leave nothing: who has called in the last minutes is remembered.
    let mut sizes = Vec::new();
    for round in 0..4 {
        ann.cx.env().sleep(Duration::from_secs(130)).await;
        for n in 0..100 {
            let raider = ann.inside(&format!("round {round} raider {n:2}"));
            earn(&raider, "boss", 1).await.unwrap();
        }
        sizes.push(store.member("boss").await.unwrap().records.len());
    }
    assert!(sizes.iter().all(|size| *size == sizes[0]), "{sizes:?}");
}

#[tokio::test(start_paused = true)]
async fn of_a_client_that_confirms_nothing_the_last_records_are_kept() {
    let store = TestStore::default();
    let app = app(&[("actor.member.records_max", "2")], &store).await;
    let mut ann = Client::of(&app);
    ann.confirms(0);
    join(&ann.cx, "ann").await.unwrap();
    for n in 1..=5 {
        assert_eq!(earn(&ann.sends(n), "ann", 1).await.unwrap(), i64::try_from(n).unwrap());
    }
    assert_eq!(earn(&ann.repeats(4), "ann", 1).await.unwrap(), 4);
    let gone = earn(&ann.repeats(3), "ann", 1).await.unwrap_err();
    assert_eq!((gone.reason(), gone.effect()), (reason::REPLY_GONE, Effect::Ran));
}

#[tokio::test(start_paused = true)]
async fn a_later_login_ends_the_sessions_before_it_and_their_records_go_at_once() {
    let store = TestStore::default();
    let settings = [("actor.member.records_ms", "60000"), ("actor.member.idle_ms", "0")];
    let app = app(&settings, &store).await;
    let ann = Client::of(&app);
    join(&ann.cx, "ann").await.unwrap();
    earn(&ann.sends(1), "ann", 1).await.unwrap();
    assert_eq!(records_of(&store, "ann", "s1").await, Some((1, 0)));
    let later = ann.logged_in("s2", 2);
    assert_eq!(earn(&later.sends(1), "ann", 1).await.unwrap(), 2, "numbers begin anew");
    assert_eq!(records_of(&store, "ann", "s1").await, Some((0, 2)));
    assert_eq!(records_of(&store, "ann", "s2").await, Some((1, 0)));
    let over = earn(&ann.sends(2), "ann", 1).await.unwrap_err();
    assert_eq!((over.reason(), over.effect()), (reason::KICKED, Effect::NotRun));
    for again in [ann.sends(1), ann.repeats(1)] {
        let over = earn(&again, "ann", 1).await.unwrap_err();
        assert_eq!((over.reason(), over.effect()), (reason::KICKED, Effect::MayHaveRun));
    }
    let kept = || async { store.member("ann").await.unwrap().records };
    let both = kept().await;
    ann.cx.env().sleep(Duration::from_secs(61)).await;
    earn(&later.sends(2), "ann", 1).await.unwrap();
    let holds = |records: &[u8], id: &[u8]| records.windows(id.len()).any(|part| part == id);
    assert!(holds(&both, b"s1") && !holds(&kept().await, b"s1"));
    let over = earn(&ann.repeats(1), "ann", 1).await.unwrap_err();
    assert_eq!((over.reason(), over.effect()), (reason::KICKED, Effect::MayHaveRun));
}

/// What the row of a member has of a session: how many records, and from which number on its commands have not run, where it is over.
async fn records_of(store: &TestStore, player: &str, session: &str) -> Option<(usize, u64)> {
    let row = store.member(player).await.unwrap().records;
    let all = Records::decode(row).unwrap().commands;
    // Of one that is there twice the later one counts.
    let of = all.into_iter().rfind(|of| of.session == session)?;
    Some((of.records.len(), of.over))
}

/// As a gate does when the session's client has gone.
async fn is_over(cx: &Cx, session: &str) {
    let actor = (&proto::room::MEMBER.methods[2], KeyText::Text("ann"));
    raw::session_over(cx, ("ann", session), [actor]).await;
    settle().await;
}

#[tokio::test(start_paused = true)]
async fn when_a_session_ends_its_records_go_and_what_has_run_does_not_run_again() {
    let store = TestStore::default();
    let settings = [("actor.member.records_ms", "60000"), ("actor.member.idle_ms", "0")];
    let old = app_named("dev.w1.room.1", &settings, &store).await;
    let ann = Client::of(&old);
    join(&ann.cx, "ann").await.unwrap();
    for n in 1..=3 {
        earn(&ann.sends(n), "ann", 1).await.unwrap();
    }
    // A call inside a command may still be sent again, by the app that makes it.
    let inside = Session { path: vec![2, 0], inner: true, ..ann.session.clone() };
    let inside = ann.cx.with_session(inside);
    assert_eq!(earn(&inside, "ann", 1).await.unwrap(), 4);
    let full = store.member("ann").await.unwrap().records.len();
    assert_eq!(records_of(&store, "ann", "s1").await, Some((4, 0)));
    is_over(&ann.cx, "s1").await;
    is_over(&ann.cx, "nobody's").await;
    ann.cx.env().sleep(Duration::from_secs(6)).await;
    assert_eq!(records_of(&store, "ann", "s1").await, Some((1, 4)));
    assert!(store.member("ann").await.unwrap().records.len() < full, "the row is smaller");
    let known = async |ann: &Client| {
        for n in 1..=3 {
            for again in [ann.sends(n), ann.repeats(n)] {
                let over = earn(&again, "ann", 1).await.unwrap_err();
                assert_eq!((over.reason(), over.effect()), (reason::KICKED, Effect::MayHaveRun));
            }
        }
        let over = earn(&ann.sends(4), "ann", 1).await.unwrap_err();
        assert_eq!((over.reason(), over.effect()), (reason::KICKED, Effect::NotRun));
    };
    known(&ann).await;
    assert_eq!(earn(&inside, "ann", 1).await.unwrap(), 4, "it was not run again");
    old.cx().env().kill();
    let new = app_named("dev.w1.room.2", &settings, &store).await;
    let ann = Client::of(&new);
    known(&ann).await;
    assert_eq!(info(&ann.cx, "ann").await.unwrap().points, 4);
    // And in the end that it was there is gone too.
    ann.cx.env().sleep(Duration::from_secs(61)).await;
    earn(&ann.logged_in("s2", 2).sends(1), "ann", 1).await.unwrap();
    assert_eq!(records_of(&store, "ann", "s1").await, None);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_session_activates_nobody() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    let ann = Client::of(&app);
    join(&ann.cx, "ann").await.unwrap();
    earn(&ann.sends(1), "ann", 1).await.unwrap();
    ann.cx.actors::<TestMember>().close(&"ann".to_owned());
    ann.cx.env().sleep(Duration::from_secs(1)).await;
    let claims = store.claims();
    is_over(&ann.cx, "s1").await;
    assert_eq!((store.claims(), ann.cx.actors::<TestMember>().count()), (claims, 0));
}

/// A command of the room has ann earn twice; then the room is lost with its records, and runs it again.
#[tokio::test(start_paused = true)]
async fn durable_calls_inside_a_command_that_runs_again_are_not_run_again() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    let ann = Client::of(&app);
    join(&ann.cx, "ann").await.unwrap();
    for _ in 0..3 {
        says(&ann.sends(1), "ann earns").await.unwrap();
        panic_room(&ann.cx).await;
    }
    assert_eq!(info(&ann.cx, "ann").await.unwrap().points, 10, "twice, and not six times");
    says(&ann.sends(2), "ann earns").await.unwrap();
    says(&ann.cx, "ann earns").await.unwrap();
    assert_eq!(info(&ann.cx, "ann").await.unwrap().points, 30, "another command, and none");
    // A command with the number of a place in another one is somebody else.
    assert_eq!(earn(&ann.sends(3), "ann", 1).await.unwrap(), 31);
}

#[tokio::test(start_paused = true)]
async fn records_of_calls_inside_commands_survive_a_crash_and_go_with_time() {
    let store = TestStore::default();
    let settings = [("actor.member.records_max", "4"), ("actor.member.records_ms", "60000")];
    let old = app_named("dev.w1.room.1", &settings, &store).await;
    join(&old.cx(), "ann").await.unwrap();
    says(&Client::of(&old).sends(1), "ann earns").await.unwrap();
    old.cx().env().kill();
    let new = app_named("dev.w1.room.2", &settings, &store).await;
    let ann = Client::of(&new);
    says(&ann.sends(1), "ann earns").await.unwrap();
    assert_eq!(info(&ann.cx, "ann").await.unwrap().points, 10);
    says(&ann.sends(2), "ann earns").await.unwrap();
    assert_eq!(says(&ann.sends(3), "ann earns").await.unwrap_err().reason(), reason::OVERLOADED);
    ann.cx.env().sleep(Duration::from_secs(61)).await;
    says(&ann.sends(4), "ann earns").await.unwrap();
    assert_eq!(info(&ann.cx, "ann").await.unwrap().points, 30);
}

/// Only actors know what they have run.
#[tokio::test]
async fn a_service_does_not_run_a_command_that_was_sent_before() {
    let pair = crate::world::pair().await;
    let session = Session { number: 1, resent: true, ..Session::default() };
    let again = say(&pair.caller.cx().with_session(session.clone()), "you").await.unwrap_err();
    assert_eq!((again.reason(), again.effect()), (reason::LOST, Effect::MayHaveRun));
    let session = Session { resent: false, ..session };
    say(&pair.caller.cx().with_session(session), "you").await.unwrap();
}
