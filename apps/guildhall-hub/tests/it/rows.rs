//! Rows of actors over a hub, and in an embedded store: what they refuse, and how large they may be.

use guildhall::status::reason;
use guildhall::{Actor, ActorCx, App, Code, Config, Cx, Effect, Env, RunningApp, Status};
use guildhall_hub::Hub;
use guildhall_redb::Redb;
use proto::room::{
    EarnReq, InfoReq, JoinReq, Member, MemberClient, MemberRsp, MemberServer, MemberState,
    MemberStateEntity,
};

use crate::world::World;

struct TestMember {
    state: MemberStateEntity,
}

impl Actor for TestMember {
    const NAME: &'static str = "member";
    type Key = String;
    type State = MemberStateEntity;

    async fn activate(
        _cx: &ActorCx,
        _key: String,
        state: MemberStateEntity,
    ) -> Result<Self, Status> {
        Ok(Self { state })
    }

    fn state(&mut self) -> &mut MemberStateEntity {
        &mut self.state
    }
}

impl TestMember {
    /// Without what is large: a reply has its own limit.
    fn answer(&self) -> Result<MemberRsp, Status> {
        let MemberState { player, name, points, .. } = (*self.state).clone();
        let visits = u32::try_from(self.state.avatar.len()).unwrap();
        let member = MemberState { player, name, points, visits, ..MemberState::default() };
        Ok(MemberRsp { member: Some(member) })
    }
}

impl Member for TestMember {
    async fn join(&mut self, _cx: &ActorCx, req: JoinReq) -> Result<MemberRsp, Status> {
        self.state.set_name(req.name);
        self.answer()
    }

    async fn info(&mut self, _cx: &ActorCx, _req: InfoReq) -> Result<MemberRsp, Status> {
        self.answer()
    }

    /// So many bytes, in two columns.
    async fn earn(&mut self, _cx: &ActorCx, req: EarnReq) -> Result<MemberRsp, Status> {
        let bytes = usize::try_from(req.points).unwrap();
        self.state.set_points(req.points);
        self.state.set_avatar(vec![7; bytes]);
        self.state.set_friends(vec!["x".repeat(bytes)]);
        self.answer()
    }

    async fn leave(&mut self, _cx: &ActorCx, _req: InfoReq) -> Result<(), Status> {
        self.state.delete();
        Ok(())
    }

    async fn kick(&mut self, _cx: &ActorCx, _req: InfoReq) -> Result<(), Status> {
        Err(Status::new(Code::Unimplemented, "nobody is"))
    }
}

fn config(id: &str) -> guildhall::config::ConfigBuilder {
    let config = Config::builder().set("app.id", id).set("link.listen", "127.0.0.1:0");
    config.set("link.secret", "secret").set("link.redial_ms", 20)
}

async fn over_hub(world: &World, id: &str) -> RunningApp {
    let url = world.url().await;
    let urls = ["app.discovery", "app.leases", "app.store"];
    let config = urls.iter().fold(config(id), |config, key| config.set(key, url.as_str()));
    let app = App::with(config.build().unwrap()).plugin(Hub).env(Env::real());
    Box::pin(app.actor::<TestMember>(MemberServer).start()).await.unwrap()
}

async fn over_file(dir: &tempfile::TempDir) -> RunningApp {
    let config = config("test.w1.member.1");
    let config = config.set("app.store", format!("redb:{}", dir.path().display()));
    let app = App::with(config.build().unwrap()).plugin(Redb);
    Box::pin(app.actor::<TestMember>(MemberServer).start()).await.unwrap()
}

async fn join(cx: &Cx, player: &str, name: &str) -> Result<MemberState, Status> {
    let req = JoinReq { player: player.into(), name: name.into() };
    Ok(MemberClient::new(cx).join(req).await?.member.unwrap())
}

async fn grow(cx: &Cx, player: &str, points: i64) -> Result<MemberState, Status> {
    let req = EarnReq { player: player.into(), points };
    Ok(MemberClient::new(cx).earn(req).await?.member.unwrap())
}

async fn info(cx: &Cx, player: &str) -> MemberState {
    let rsp = MemberClient::new(cx).info(InfoReq { player: player.into() }).await;
    rsp.unwrap().member.unwrap()
}

/// What fails alone, and what is there after it.
async fn some_fail(cx: &Cx) {
    join(cx, "ann", "a").await.unwrap();
    join(cx, "bob", "b").await.unwrap();
    let status = join(cx, "bob", "a").await.unwrap_err();
    let found = (status.code(), status.reason(), status.effect());
    assert_eq!(found, (Code::AlreadyExists, reason::EXISTS, Effect::Ran), "{status}");
    grow(cx, "bob", 900_000).await.unwrap();
    // Two columns that fit into frames, each for itself.
    let status = grow(cx, "bob", 3 << 20).await.unwrap_err();
    let found = (status.code(), status.reason(), status.effect());
    assert_eq!(found, (Code::ResourceExhausted, reason::TOO_LARGE, Effect::Ran), "{status}");
    let bob = info(cx, "bob").await;
    assert_eq!((bob.name.as_str(), bob.points, bob.visits), ("b", 900_000, 900_000));
    grow(cx, "bob", 1_000_000).await.unwrap();
    join(cx, "bob", "c").await.unwrap();
}

async fn is_there(cx: &Cx) {
    let bob = info(cx, "bob").await;
    assert_eq!((bob.name.as_str(), bob.points, bob.visits), ("c", 1_000_000, 1_000_000));
    grow(cx, "bob", 5).await.unwrap();
    join(cx, "cid", "b").await.unwrap();
}

#[tokio::test]
async fn what_a_hub_does_not_take_fails_its_call_alone_and_what_it_has_taken_it_gives_back() {
    let world = World::new();
    world.restart().await;
    let app = over_hub(&world, "test.w1.member.1").await;
    some_fail(&app.cx()).await;
    app.shutdown().await;
    let app = over_hub(&world, "test.w1.member.2").await;
    is_there(&app.cx()).await;
    app.shutdown().await;
}

#[tokio::test]
async fn what_an_embedded_store_does_not_take_fails_its_call_alone() {
    let dir = tempfile::tempdir().unwrap();
    let app = over_file(&dir).await;
    some_fail(&app.cx()).await;
    app.shutdown().await;
    let app = over_file(&dir).await;
    is_there(&app.cx()).await;
    app.shutdown().await;
}
