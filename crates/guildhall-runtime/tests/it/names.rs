//! NAMEs of actor types: each is one type's, and its rows keep it.

use std::sync::Arc;

use guildhall::status::reason;
use guildhall::{Actor, ActorCx, App, Code, Config, Effect, Status};
use proto::counter::{AddReq, Counter, CounterRsp, CounterServer, GetReq};
use proto::odd::{HeroEntity, HeroView, pet};
use proto::room::{
    EarnReq, InfoReq, JoinReq, Member, MemberRsp, MemberServer, MemberStateEntity, RoomServer,
};

use crate::entities::{info, join};
use crate::rooms::{TestMember, TestRoom, TestStore, app};

/// As `TestMember`, under another NAME.
struct Renamed(MemberStateEntity);

impl Actor for Renamed {
    const NAME: &'static str = "guest";
    type Key = String;
    type State = MemberStateEntity;

    async fn activate(
        _cx: &ActorCx,
        _id: String,
        state: MemberStateEntity,
    ) -> Result<Self, Status> {
        Ok(Self(state))
    }

    fn state(&mut self) -> &mut MemberStateEntity {
        &mut self.0
    }
}

impl Member for Renamed {
    async fn join(&mut self, _cx: &ActorCx, req: JoinReq) -> Result<MemberRsp, Status> {
        self.0.set_name(req.name);
        Ok(MemberRsp { member: Some((*self.0).clone()) })
    }

    async fn info(&mut self, _cx: &ActorCx, _req: InfoReq) -> Result<MemberRsp, Status> {
        Ok(MemberRsp { member: Some((*self.0).clone()) })
    }

    async fn earn(&mut self, _cx: &ActorCx, _req: EarnReq) -> Result<MemberRsp, Status> {
        Ok(MemberRsp::default())
    }

    async fn leave(&mut self, _cx: &ActorCx, _req: InfoReq) -> Result<(), Status> {
        Ok(())
    }

    async fn kick(&mut self, _cx: &ActorCx, _req: InfoReq) -> Result<(), Status> {
        Ok(())
    }
}

/// Without services and without rows.
struct Named<const NAME: usize>;

const NAMES: [&str; 3] = ["room", "", "a/b"];

impl<const NAME: usize> Actor for Named<NAME> {
    const NAME: &'static str = NAMES[NAME];
    type Key = u64;
    type State = ();

    async fn activate(_cx: &ActorCx, _id: u64, _state: ()) -> Result<Self, Status> {
        Ok(Self)
    }
}

/// Numbers its actors, whose service has text as key.
struct Numbered;

impl Actor for Numbered {
    const NAME: &'static str = "numbered";
    type Key = u64;
    type State = ();

    async fn activate(_cx: &ActorCx, _id: u64, _state: ()) -> Result<Self, Status> {
        Ok(Self)
    }
}

impl Counter for Numbered {
    async fn add(&mut self, _cx: &ActorCx, _req: AddReq) -> Result<CounterRsp, Status> {
        Ok(CounterRsp::default())
    }

    async fn get(&mut self, _cx: &ActorCx, _req: GetReq) -> Result<CounterRsp, Status> {
        Ok(CounterRsp::default())
    }
}

/// Numbers its actors, whose rows have text as key.
struct NumberedRows(MemberStateEntity);

impl Actor for NumberedRows {
    const NAME: &'static str = "rows";
    type Key = i64;
    type State = MemberStateEntity;

    async fn activate(_cx: &ActorCx, _id: i64, state: MemberStateEntity) -> Result<Self, Status> {
        Ok(Self(state))
    }

    fn state(&mut self) -> &mut MemberStateEntity {
        &mut self.0
    }
}

fn on(store: &TestStore) -> App {
    App::with(Config::builder().build().unwrap()).store(Arc::new(store.clone()))
}

async fn why(app: App) -> String {
    app.start().await.map(drop).expect_err("it must not start").to_string()
}

fn has(error: &str, parts: &[&str]) {
    assert!(parts.iter().all(|part| error.contains(part)), "expected {parts:?} in: {error}");
}

#[tokio::test(start_paused = true)]
async fn two_actor_types_of_one_name_are_a_start_error() {
    let app = on(&TestStore::default()).actor::<TestRoom>(RoomServer);
    let error = why(app.actor::<Named<0>>(())).await;
    has(&error, &["two actor types", "`room`", "a NAME of its own"]);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_no_lease_can_have_is_a_start_error() {
    let error = why(on(&TestStore::default()).actor::<Named<1>>(())).await;
    has(&error, &["NAME of an actor type is ``", "1 to 64 characters"]);
    let error = why(on(&TestStore::default()).actor::<Named<2>>(())).await;
    has(&error, &["NAME of an actor type is `a/b`", "1 to 64 characters"]);
}

#[tokio::test(start_paused = true)]
async fn keys_of_different_kinds_are_a_start_error_that_names_the_field() {
    let app = on(&TestStore::default());
    let error = why(app.actor::<Numbered>(CounterServer)).await;
    has(&error, &["actor type `numbered` is u64", "the key of /counter.Counter/Add is String"]);
    let error = why(on(&TestStore::default()).actor::<NumberedRows>(())).await;
    has(&error, &["actor type `rows` is i64", "of table `", "is String"]);
}

/// The code of `odd.proto`, which this builds: private parts of an entity hide no field, and a oneof whose type has another name is in its
/// view.
#[test]
fn fields_that_are_named_as_parts_of_the_generated_code_work() {
    let mut hero = HeroEntity::new(7);
    hero.set_state(3_u32);
    hero.set_meta("m");
    hero.set_set_x("both");
    hero.set_1(1);
    hero.pet_mut().kind = Some(pet::KindOneOf::Cat("tom".into()));
    let seen = hero.view(HeroView::Brief);
    assert_eq!((hero.state, hero.meta.as_str(), hero.set_x.as_str()), (3, "m", "both"));
    assert_eq!((seen.state, seen.meta.as_str(), seen.set_x.as_str()), (3, "m", ""));
    assert_eq!(seen.pet.unwrap().kind, Some(pet::KindOneOf::Cat("tom".into())));
}

#[tokio::test(start_paused = true)]
async fn two_actor_types_that_own_one_table_are_a_start_error() {
    /// Owns the rows of `Renamed` too.
    struct Other(MemberStateEntity);

    impl Actor for Other {
        const NAME: &'static str = "other";
        type Key = String;
        type State = MemberStateEntity;

        async fn activate(
            _cx: &ActorCx,
            _id: String,
            state: MemberStateEntity,
        ) -> Result<Self, Status> {
            Ok(Self(state))
        }

        fn state(&mut self) -> &mut MemberStateEntity {
            &mut self.0
        }
    }

    let app = on(&TestStore::default()).actor::<Renamed>(MemberServer);
    let error = why(app.actor::<Other>(())).await;
    has(&error, &["`guest` and `other` both own", "member"]);
}

#[tokio::test(start_paused = true)]
async fn a_renamed_actor_type_whose_rows_have_the_old_name_is_a_start_error_that_says_what_to_do() {
    let store = TestStore::default();
    let before = app(&[], &store).await;
    join(&before.cx(), "ann").await.unwrap();
    before.shutdown().await;
    let error = why(on(&store).actor::<Renamed>(MemberServer)).await;
    has(&error, &["actor type `guest`", "row ann", "lease member/", "set it back to `member`"]);
    let again = app(&[], &store).await;
    assert_eq!(info(&again.cx(), "ann").await.unwrap().name, "name of ann");
}

#[tokio::test(start_paused = true)]
async fn rows_that_were_written_with_another_number_of_slots_are_a_start_error() {
    let store = TestStore::default();
    let before = app(&[("actor.member.slots", "7")], &store).await;
    for player in ["ann", "bob", "cid", "dan"] {
        join(&before.cx(), player).await.unwrap();
    }
    before.shutdown().await;
    // The lease backend is in memory, and has forgotten how many there were.
    let config = Config::builder().set("actor.member.slots", 1000).build().unwrap();
    let app = App::with(config).store(Arc::new(store.clone()));
    let app = app.actor::<TestMember>(MemberServer);
    has(&why(app).await, &["with 1000 slots", "set actor.member.slots"]);
}

#[tokio::test(start_paused = true)]
async fn a_row_of_another_lease_is_refused_with_a_reason_of_its_own() {
    let store = TestStore::default();
    let renamed = on(&store).actor::<Renamed>(MemberServer).start().await.unwrap();
    let before = app(&[], &store).await;
    join(&before.cx(), "ann").await.unwrap();
    before.shutdown().await;
    let status = join(&renamed.cx(), "ann").await.unwrap_err();
    assert_eq!(status.reason(), reason::OTHER_LEASE, "{status}");
    assert_eq!((status.code(), status.effect()), (Code::FailedPrecondition, Effect::NotRun));
    has(status.message(), &["guest/ann", "lease member/", "set them back"]);
    assert_eq!(join(&renamed.cx(), "bob").await.unwrap().name, "name of bob");
}
