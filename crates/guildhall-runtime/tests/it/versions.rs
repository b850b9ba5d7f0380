//! Rules by version: who goes to the new release, and who does not.

use std::collections::BTreeMap;
use std::path::Path;

use guildhall::{Config, Cx, RunningApp};
use guildhall_wire::Session;
use proto::routing::{AskReq, DeskClient};
use tempfile::TempDir;

use crate::town::{TestTalker, Town, sees, where_is};

/// Desks of versions 1 and 2; of version 1 the numbers are larger.
struct Release {
    town: Town,
    desks: Vec<RunningApp>,
    caller: RunningApp,
    dir: TempDir,
}

fn write(dir: &Path, rules: &str) {
    std::fs::write(dir.join("app.toml"), rules).unwrap();
}

impl Release {
    async fn new(rules: &str) -> Self {
        let town = Town::new();
        let mut desks = Vec::new();
        for (id, version) in
            [("dev.w1.desk.2", "2"), ("dev.w1.desk.11", "1"), ("dev.w1.desk.12", "1")]
        {
            desks.push(town.start_with(id, &[("app.version", version)]).await);
        }
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), rules);
        let config = Config::builder().file(dir.path().join("app.toml"));
        let caller = town.app_over(config, "dev.w1.caller.1", &[]).start().await.unwrap();
        sees(&caller.cx(), 4).await;
        Self { town, desks, caller, dir }
    }

    fn player(&self, player: &str) -> Cx {
        let session = Session { player: player.into(), ..Session::default() };
        self.caller.cx().with_session(session)
    }

    /// Which desk the player's next call goes to: 2 is the new release.
    async fn desk_of(&self, player: &str) -> String {
        desk(&self.player(player)).await
    }
}

async fn desk(cx: &Cx) -> String {
    where_is(&DeskClient::new(cx)).await.replace("dev.w1.desk.", "")
}

#[tokio::test]
async fn a_share_of_the_players_goes_to_a_version_and_each_of_them_stays_there() {
    let rule = "[[route.rules]]\nservice = \"routing.Desk\"\nversion = \"2\"\npercent = 20\n";
    let release = Release::new(rule).await;
    let mut counts = BTreeMap::new();
    for player in 0..500 {
        let player = format!("p{player}");
        let at_first = release.desk_of(&player).await == "2";
        for _ in 0..2 {
            assert_eq!(release.desk_of(&player).await == "2", at_first, "{player}");
        }
        *counts.entry(at_first).or_insert(0) += 1;
    }
    // Hashes of names that are always the same; far from none and all.
    assert!((60..=140).contains(&counts[&true]), "{counts:?}");
    // Calls without a player: those of one key stay together, too.
    let cx = release.caller.cx();
    for key in 0..20 {
        let by_key = async || where_is(&DeskClient::new(&cx).hash(format!("k{key}"))).await;
        assert_eq!(by_key().await, by_key().await);
    }
    let mut without = BTreeMap::new();
    for _ in 0..400 {
        *without.entry(desk(&cx).await == "2").or_insert(0) += 1;
    }
    // 80 are expected; the bounds are five standard deviations away.
    assert!((40..=120).contains(&without[&true]), "{without:?}");
}

#[tokio::test]
async fn named_players_and_calls_with_metadata_go_to_a_version_and_no_others() {
    let rules = "[[route.rules]]\nservice = \"routing.Desk\"\nversion = \"2\"\nplayers = [\"ann\", \"bob\"]\n\
                 [[route.rules]]\nservice = \"routing.Desk\"\nversion = \"2\"\nmetadata = { ring = \"inner\", beta = \"yes\" }\n";
    let release = Release::new(rules).await;
    for _ in 0..20 {
        assert_eq!(release.desk_of("ann").await, "2");
        assert_eq!(release.desk_of("bob").await, "2");
        assert_ne!(release.desk_of("eve").await, "2");
        assert_ne!(desk(&release.caller.cx()).await, "2");
        let half = release.player("eve").with_metadata("beta", "yes");
        assert_ne!(desk(&half).await, "2");
        assert_eq!(desk(&half.with_metadata("ring", "inner")).await, "2");
    }
}

#[tokio::test]
async fn a_rule_comes_before_the_route_of_the_method() {
    let rule =
        "[[route.rules]]\nservice = \"routing.Desk\"\nversion = \"2\"\nplayers = [\"ann\"]\n";
    let release = Release::new(rule).await;
    let (ann, eve) = (release.player("ann"), release.player("eve"));
    let first = async |cx: &Cx| DeskClient::new(cx).first(AskReq::default()).await.unwrap().app;
    assert_eq!(first(&ann).await, "dev.w1.desk.2");
    assert_eq!(first(&eve).await, "dev.w1.desk.11", "the smallest of the others");
    let least = async |cx: &Cx| DeskClient::new(cx).least(AskReq::default()).await.unwrap().app;
    assert_eq!(least(&ann).await, "dev.w1.desk.2");
    assert_ne!(least(&eve).await, "dev.w1.desk.2");
    for key in 0..20 {
        let key = format!("k{key}");
        assert_eq!(where_is(&DeskClient::new(&ann).hash(key.clone())).await, "dev.w1.desk.2");
        assert_ne!(where_is(&DeskClient::new(&eve).hash(key)).await, "dev.w1.desk.2");
    }
    // Who names an app gets it.
    let by_name = DeskClient::new(&eve).at(release.desks[0].cx().app_id());
    assert_eq!(where_is(&by_name).await, "dev.w1.desk.2");
}

#[tokio::test]
async fn a_version_that_is_not_there_is_passed_over() {
    let rules = "[[route.rules]]\nservice = \"routing.Desk\"\nversion = \"3\"\npercent = 100\n\
                 [[route.rules]]\nservice = \"routing.Desk\"\nversion = \"2\"\nplayers = [\"ann\"]\n";
    let mut release = Release::new(rules).await;
    assert_eq!(release.desk_of("ann").await, "2");
    assert_ne!(release.desk_of("eve").await, "2");
    for old in release.desks.drain(1..) {
        old.shutdown().await;
    }
    sees(&release.caller.cx(), 2).await;
    // Only the version of a rule is left.
    assert_eq!(release.desk_of("eve").await, "2");
    let _old = release.town.start_with("dev.w1.desk.11", &[("app.version", "1")]).await;
    sees(&release.caller.cx(), 3).await;
    assert_eq!(release.desk_of("eve").await, "11");
}

#[tokio::test]
async fn rules_change_at_a_reload() {
    let rule = |percent: u32| {
        format!(
            "[[route.rules]]\nservice = \"routing.Desk\"\nversion = \"2\"\npercent = {percent}\n"
        )
    };
    let release = Release::new(&rule(0)).await;
    assert_ne!(release.desk_of("ann").await, "2");
    write(release.dir.path(), &rule(100));
    assert_eq!(release.caller.reload().await.unwrap().changed, ["route.rules"]);
    assert_eq!(release.desk_of("ann").await, "2");
    write(release.dir.path(), &rule(101));
    let error = release.caller.reload().await.unwrap_err();
    assert!(error.message().contains("route.rules[0].percent is 101"), "{error}");
    assert_eq!(release.desk_of("ann").await, "2", "nothing has changed");
    write(release.dir.path(), "");
    release.caller.reload().await.unwrap();
    let mut all = BTreeMap::new();
    while all.len() < 3 {
        *all.entry(release.desk_of("ann").await).or_insert(0) += 1;
    }
}

#[tokio::test]
async fn a_wrong_rule_is_an_error_that_names_it() {
    let town = Town::new();
    let start = async |rule: &str| {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &format!("[[route.rules]]\n{rule}"));
        let config = Config::builder().file(dir.path().join("app.toml"));
        let app = town.app_over(config, "dev.w1.talker.1", &[]);
        TestTalker::serve(app).start().await.unwrap_err().to_string()
    };
    for (rule, want) in [
        ("service = \"a.B\"\npercent = 5", "route.rules[0] needs a service and a version"),
        ("service = \"a.B\"\nversion = \"2\"", "needs one of percent, players and metadata"),
        ("service = \"a.B\"\nversion = \"2\"\npercent = 5\nplayers = [\"a\"]", "needs one of"),
        (
            "service = \"a.B\"\nversion = \"2\"\npercent = -1",
            "percent is -1; it must be from 0 to 100",
        ),
        ("service = \"a.B\"\nversoin = \"2\"", "versoin"),
        (
            "service = \"routing.Talker\"\nversion = \"2\"\npercent = 5",
            "the key of an actor has one owner",
        ),
    ] {
        let error = start(rule).await;
        assert!(error.contains(want), "{error}");
    }
}

#[tokio::test]
async fn a_rule_for_the_actors_of_others_changes_nothing() {
    let rule = "[[route.rules]]\nservice = \"routing.Talker\"\nversion = \"2\"\npercent = 100\n";
    let release = Release::new(rule).await;
    let mut talkers = Vec::new();
    for (id, version) in [("dev.w1.talker.1", "1"), ("dev.w1.talker.2", "2")] {
        let app = release.town.app(id, &[("app.version", version)]);
        talkers.push(TestTalker::serve(app).start().await.unwrap());
    }
    let (caller, other) = (release.caller.cx(), talkers[0].cx());
    sees(&caller, 6).await;
    sees(&other, 6).await;
    // Who has the rule and who has not find the same actors: each is where it was.
    for nth in 0..20 {
        let name = format!("t{nth}");
        let post = proto::routing::PostReq { name: name.clone(), text: "first".into() };
        proto::routing::TalkerClient::new(&other).post(post).await.unwrap();
        let pull = proto::routing::PullReq { name, wanted: 0 };
        proto::routing::TalkerClient::new(&caller).pull(pull).await.unwrap();
    }
    let actors: usize = {
        let mut all = 0;
        for talker in &talkers {
            let node = guildhall_runtime::proto::NodeClient::new(&other);
            let told = node.at(talker.cx().app_id()).actors(()).await.unwrap();
            all += usize::try_from(told.actors[0].active).unwrap();
        }
        all
    };
    assert_eq!(actors, 20, "none is active twice");
}
