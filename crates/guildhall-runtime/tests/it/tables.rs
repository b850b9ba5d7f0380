//! Rows that no actor owns, and ids.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use guildhall::status::reason;
use guildhall::store::memory::MemoryStore;
use guildhall::{App, Code, Config, Cx, Effect, Reason, RunningApp, Status};
use guildhall_core::KEY_LEN_MAX;
use proto::guild::{GuildStateEntity, SeatStateEntity};
use proto::room::{MemberServer, MemberStateEntity};

use crate::rooms::{Failure, TestMember, TestStore};

async fn app(store: &TestStore) -> RunningApp {
    app_with(&[], store).await
}

async fn app_with(settings: &[(&str, &str)], store: &TestStore) -> RunningApp {
    let config = settings
        .iter()
        .fold(Config::builder(), |config, (key, value)| config.flag(&format!("{key}={value}")));
    let app = App::with(config.build().unwrap()).store(Arc::new(store.clone()));
    let app = app.actor::<TestMember>(MemberServer).ids();
    app.table::<SeatStateEntity>().table::<GuildStateEntity>().start().await.unwrap()
}

fn seat(player: &str, guild: i64) -> SeatStateEntity {
    let mut seat = SeatStateEntity::new(player);
    seat.set_guild(guild);
    seat
}

async fn guild_of(cx: &Cx, player: &str) -> Option<i64> {
    let seat = cx.table::<SeatStateEntity>().get(player).await.unwrap();
    seat.map(|seat| seat.guild)
}

#[track_caller]
fn fails<T: std::fmt::Debug>(
    result: Result<T, Status>,
    code: Code,
    reason: Reason,
    effect: Effect,
) {
    let status = result.unwrap_err();
    let found = (status.code(), status.reason(), status.effect());
    assert_eq!(found, (code, reason, effect), "{status}");
}

#[tokio::test(start_paused = true)]
async fn a_row_is_created_read_changed_and_deleted() {
    let app = app(&TestStore::default()).await;
    let cx = app.cx();
    let seats = cx.table::<SeatStateEntity>();
    assert!(seats.get("ann").await.unwrap().is_none());
    let mut ann = seat("ann", 7);
    seats.create(&mut ann).await.unwrap();
    ann.set_guild(8);
    seats.update(&mut ann).await.unwrap();
    ann.set_note("hello");
    seats.update(&mut ann).await.unwrap();
    let read = seats.get("ann").await.unwrap().unwrap();
    assert_eq!(*read, *ann);
    seats.delete(read).await.unwrap();
    assert_eq!(guild_of(&cx, "ann").await, None);
    seats.create(&mut seat("ann", 9)).await.unwrap();
    assert_eq!(guild_of(&cx, "ann").await, Some(9), "it can be made again");
}

#[tokio::test(start_paused = true)]
async fn a_row_that_would_be_too_large_is_not_written() {
    let store = TestStore::default();
    let app = app_with(&[("store.row_max", "1000")], &store).await;
    let cx = app.cx();
    let seats = cx.table::<SeatStateEntity>();
    let mut ann = seat("ann", 7);
    ann.set_note("x".repeat(900));
    seats.create(&mut ann).await.unwrap();
    ann.set_note("x".repeat(1_001));
    let refused = seats.update(&mut ann).await;
    fails(refused, Code::ResourceExhausted, reason::TOO_LARGE, Effect::NotRun);
    let read = seats.get("ann").await.unwrap().unwrap();
    assert_eq!((read.guild, read.note.len()), (7, 900));
    seats.delete(ann).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn of_many_who_create_a_row_one_succeeds() {
    let app = app(&TestStore::default()).await;
    let cx = app.cx();
    let tries = join_all(
        (1..=20).map(async |n| cx.table::<SeatStateEntity>().create(&mut seat("ann", n)).await),
    );
    let (made, refused): (Vec<_>, Vec<_>) = tries.await.into_iter().partition(Result::is_ok);
    assert_eq!((made.len(), refused.len()), (1, 19));
    for refused in refused {
        fails(refused, Code::AlreadyExists, reason::EXISTS, Effect::NotRun);
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_who_change_a_row_the_second_reads_again() {
    let app = app(&TestStore::default()).await;
    let cx = app.cx();
    let seats = cx.table::<SeatStateEntity>();
    seats.create(&mut seat("ann", 1)).await.unwrap();
    let mut first = seats.get("ann").await.unwrap().unwrap();
    let mut second = seats.get("ann").await.unwrap().unwrap();
    let third = seats.get("ann").await.unwrap().unwrap();
    first.set_guild(2);
    second.set_guild(3);
    seats.update(&mut first).await.unwrap();
    for late in [seats.update(&mut second).await, seats.delete(third).await] {
        fails(late, Code::Aborted, reason::CONFLICT, Effect::NotRun);
    }
    assert_eq!(guild_of(&cx, "ann").await, Some(2), "nothing of it was written");
    seats.delete(first).await.unwrap();
    fails(seats.update(&mut second).await, Code::NotFound, reason::NO_SUCH_ENTITY, Effect::NotRun);
}

#[tokio::test(start_paused = true)]
async fn changes_that_meet_are_all_made() {
    let app = app(&TestStore::default()).await;
    let cx = app.cx();
    let changes = join_all((0..20).map(async |_| {
        let add = |guild: &mut GuildStateEntity| {
            guild.members_mut().push("somebody".to_owned());
            Ok(guild.members.len())
        };
        cx.table::<GuildStateEntity>().change(7, add).await.unwrap()
    }));
    let mut counts = changes.await;
    counts.sort_unstable();
    assert_eq!(counts, (1..=20).collect::<Vec<_>>(), "each saw what those before it had made");
}

#[tokio::test(start_paused = true)]
async fn a_change_that_meets_others_too_often_gives_up() {
    let app = app_with(&[("store.changes_max", "0")], &TestStore::default()).await;
    let cx = app.cx();
    let seats = cx.table::<SeatStateEntity>();
    seats.create(&mut seat("ann", 1)).await.unwrap();
    let both = join_all([2, 3].map(async |guild| {
        let set = |seat: &mut SeatStateEntity| {
            seat.set_guild(guild);
            Ok(())
        };
        cx.table::<SeatStateEntity>().change("ann", set).await
    }));
    let late = both.await.into_iter().filter(Result::is_err).collect::<Vec<_>>();
    assert_eq!(late.len(), 1);
    for late in late {
        fails(late, Code::Aborted, reason::CONFLICT, Effect::NotRun);
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_a_change_writes_nothing() {
    let store = TestStore::default();
    let app = app(&store).await;
    let cx = app.cx();
    let refused = cx.table::<SeatStateEntity>().change("ann", |seat| {
        seat.set_guild(1);
        Err::<(), _>(Status::new(Code::PermissionDenied, "no"))
    });
    assert_eq!(refused.await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(store.commits(), 0);
    cx.table::<SeatStateEntity>().change("ann", |_| Ok(())).await.unwrap();
    assert_eq!(store.commits(), 0, "without changes there is nothing to write");
}

#[tokio::test(start_paused = true)]
async fn a_unique_value_that_is_taken_is_named() {
    let app = app(&TestStore::default()).await;
    let cx = app.cx();
    let seats = cx.table::<SeatStateEntity>();
    let title = |title: &'static str| {
        move |seat: &mut SeatStateEntity| {
            seat.set_title(title);
            Ok(())
        }
    };
    seats.change("ann", title("Queen")).await.unwrap();
    let status = seats.change("bob", title("Queen")).await.unwrap_err();
    assert_eq!((status.code(), status.reason()), (Code::AlreadyExists, reason::EXISTS));
    assert!(status.message().contains("unique column `title`"), "{status}");
    seats.change("bob", title("King")).await.unwrap();
    let late = seats.change("bob", title("Queen")).await;
    fails(late, Code::AlreadyExists, reason::EXISTS, Effect::NotRun);
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_is_lost_may_have_run_and_is_not_made_twice() {
    let store = TestStore::default();
    let app = app(&store).await;
    let cx = app.cx();
    let seats = cx.table::<SeatStateEntity>();
    let mut ann = seat("ann", 1);
    seats.create(&mut ann).await.unwrap();
    ann.set_guild(2);
    store.fail_next(&[Failure::AnswerLost]);
    let lost = seats.update(&mut ann).await;
    fails(lost, Code::Unavailable, reason::STORE, Effect::MayHaveRun);
    fails(seats.update(&mut ann).await, Code::Aborted, reason::CONFLICT, Effect::NotRun);
    assert_eq!(guild_of(&cx, "ann").await, Some(2));

    store.fail_next(&[Failure::Unavailable]);
    let mut bob = seat("bob", 1);
    fails(seats.create(&mut bob).await, Code::Unavailable, reason::STORE, Effect::NotRun);
    seats.create(&mut bob).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_is_waited_for_until_the_deadline() {
    let store = TestStore::default();
    let app = app(&store).await;
    let cx = app.cx().within(Duration::from_millis(50));
    store.fail_next(&[Failure::Silent]);
    let late = cx.table::<SeatStateEntity>().create(&mut seat("ann", 1)).await;
    fails(late, Code::DeadlineExceeded, reason::EXPIRED, Effect::MayHaveRun);
}

#[tokio::test(start_paused = true)]
async fn the_rows_of_actors_are_read_and_not_written() {
    let store = TestStore::default();
    let app = app(&store).await;
    let cx = app.cx();
    let join = proto::room::JoinReq { player: "ann".into(), name: "Ann".into() };
    proto::room::MemberClient::new(&cx).join(join).await.unwrap();
    let earn = proto::room::EarnReq { player: "ann".into(), points: 5 };
    proto::room::MemberClient::new(&cx).earn(earn).await.unwrap();
    let members = cx.table::<MemberStateEntity>();
    let mut ann = members.get("ann").await.unwrap().unwrap();
    assert_eq!(ann.points, 5);
    ann.set_points(6);
    let refused = members.update(&mut ann).await;
    fails(refused, Code::FailedPrecondition, reason::NOT_THE_OWNER, Effect::NotRun);

    let twice = App::with(Config::builder().build().unwrap());
    let twice = twice.actor::<TestMember>(MemberServer);
    let error = twice.table::<MemberStateEntity>().start().await.unwrap_err().to_string();
    assert!(error.contains("actors own the rows of table `member`"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_table_is_named_and_a_key_is_not_empty_and_not_too_long() {
    let app = app(&TestStore::default()).await;
    let cx = app.cx();
    let bad = cx.table::<SeatStateEntity>().create(&mut seat("", 1)).await;
    fails(bad, Code::InvalidArgument, reason::BAD_KEY, Effect::NotRun);
    let bad = cx.table::<GuildStateEntity>().create(&mut GuildStateEntity::new(0)).await;
    fails(bad, Code::InvalidArgument, reason::BAD_KEY, Effect::NotRun);
    let long = "x".repeat(KEY_LEN_MAX + 1);
    let bad = cx.table::<SeatStateEntity>().create(&mut seat(&long, 1)).await;
    fails(bad, Code::InvalidArgument, reason::BAD_KEY, Effect::NotRun);
    let bad = cx.table::<SeatStateEntity>().get(long).await.map(|_| ());
    fails(bad, Code::InvalidArgument, reason::BAD_KEY, Effect::NotRun);
    let status = cx.table::<proto::counter::CounterStateEntity>().get("x").await.unwrap_err();
    assert!(status.message().contains("no table `counter`"), "{status}");
}

#[tokio::test(start_paused = true)]
async fn ids_are_never_given_twice_and_survive_restarts() {
    let store = TestStore::default();
    let (one, two) = (app(&store).await, app(&store).await);
    let mut all = Vec::new();
    for app in [one, two, app_with(&[("store.id_block", "1")], &store).await] {
        let cx = app.cx();
        let ids = join_all((0..1500).map(|_| cx.next_id())).await;
        let ids = ids.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
        assert!(ids.is_sorted() && ids[0] > 0, "each is larger than those before");
        all.extend(ids);
        app.shutdown().await;
    }
    let again = app(&store).await;
    all.push(again.cx().next_id().await.unwrap());
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!((all.len(), count), (4501, 4501));
}

#[tokio::test(start_paused = true)]
async fn of_a_block_of_ids_one_waits_for_the_store() {
    let store = TestStore::default();
    let app = app(&store).await;
    let cx = app.cx();
    join_all((0..1000).map(|_| cx.next_id())).await;
    assert_eq!(store.commits(), 1);
    store.fail_next(&[Failure::AnswerLost]);
    fails(cx.next_id().await, Code::Unavailable, reason::STORE, Effect::MayHaveRun);
    assert_eq!(cx.next_id().await.unwrap(), 2001, "a block that may be taken is skipped");
}

#[tokio::test(start_paused = true)]
async fn without_the_table_of_ids_the_error_says_what_to_do() {
    let app = App::with(Config::builder().build().unwrap()).store(Arc::new(MemoryStore::new()));
    let status = app.start().await.unwrap().cx().next_id().await.unwrap_err();
    assert!(status.message().contains("App::ids"), "{status}");
}

#[tokio::test(start_paused = true)]
async fn rows_are_found_by_the_values_of_indexed_columns() {
    type Seat = SeatStateEntity;
    let app = app(&TestStore::default()).await;
    let cx = app.cx();
    let seats = cx.table::<Seat>();
    for (player, guild, score) in [("ann", 1, 5), ("bob", 2, 9), ("cid", 1, 7), ("dan", 1, 7)] {
        let mut seat = seat(player, guild);
        seat.set_score(score);
        seat.set_title(format!("{player} the {score}th"));
        seats.create(&mut seat).await.unwrap();
    }
    let names = |page: &guildhall::RowsPage<Seat>| {
        let names: Vec<_> = page.rows.iter().map(|seat| seat.player.clone()).collect();
        names.join(" ")
    };
    let members = seats.query().equal(Seat::BY_GUILD, 1).limit(2);
    let page = members.page().await.unwrap();
    assert_eq!(names(&page), "ann cid");
    let members = seats.query().equal(Seat::BY_GUILD, 1).after(page.next);
    let page = members.page().await.unwrap();
    assert_eq!((names(&page).as_str(), page.next), ("dan", None));

    let best = seats.query().down(Seat::BY_SCORE).limit(3).page().await.unwrap();
    assert_eq!(names(&best), "bob dan cid");
    let rest = seats.query().down(Seat::BY_SCORE).after(best.next).page().await.unwrap();
    assert_eq!(names(&rest), "ann");
    let middle = seats.query().up(Seat::BY_SCORE).above(Seat::BY_SCORE, 5).below(Seat::BY_SCORE, 9);
    assert_eq!(names(&middle.page().await.unwrap()), "cid dan");
    let titled = seats.query().equal(Seat::BY_TITLE, "bob the 9th").page().await.unwrap();
    assert_eq!(names(&titled), "bob");

    // What was found can be written, if it is still what was found.
    let mut bob = titled.rows.into_iter().next().unwrap();
    bob.set_score(1);
    seats.update(&mut bob).await.unwrap();
    let last = seats.query().up(Seat::BY_SCORE).limit(1).page().await.unwrap();
    assert_eq!(names(&last), "bob");

    let odd = seats.query().above(Seat::BY_SCORE, 5).page().await.unwrap_err();
    assert!(odd.message().contains("order by `score`"), "{odd}");
}

#[tokio::test(start_paused = true)]
async fn rows_of_actors_are_found_as_they_were_saved() {
    let app = app(&TestStore::default()).await;
    let cx = app.cx();
    for (player, points) in [("ann", 5), ("bob", 9)] {
        let join = proto::room::JoinReq { player: player.into(), name: player.into() };
        proto::room::MemberClient::new(&cx).join(join).await.unwrap();
        let earn = proto::room::EarnReq { player: player.into(), points };
        proto::room::MemberClient::new(&cx).earn(earn).await.unwrap();
    }
    let best = cx.table::<MemberStateEntity>().query().down(MemberStateEntity::BY_POINTS);
    let best = best.limit(1).page().await.unwrap();
    assert_eq!((best.rows[0].player.as_str(), best.rows[0].points), ("bob", 9));
    assert!(best.next.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_app_that_may_not_migrate_says_what_is_needed() {
    let store = TestStore::default();
    let start = async |migrate| {
        let config = Config::builder().flag(&format!("store.migrate={migrate}")).build().unwrap();
        let app = App::with(config).store(Arc::new(store.clone()));
        app.table::<SeatStateEntity>().start().await.map(drop).map_err(|error| error.to_string())
    };
    let error = start("check").await.unwrap_err();
    assert!(error.contains("a new table `seat`") && error.contains("`auto`"), "{error}");
    start("auto").await.unwrap();
    start("check").await.unwrap();
    let error = start("never").await.unwrap_err();
    assert!(error.contains("store.migrate is `never`"), "{error}");
}
