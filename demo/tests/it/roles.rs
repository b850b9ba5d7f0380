//! Roles and their names, called from within the app.

use demo::proto::role::{
    GetInfoReq, LoginReq, NameReq, NamesClient, NamesServer, PostReq, PowerUpReq, RegisterReq,
    RenameReq, RoleClient, RoleError, RoleServer, RoleState,
};
use demo::role::{NameActor, RoleActor};
use guildhall::status::reason;
use guildhall::{App, Code, Config, Cx, Effect, RunningApp, Status};

async fn app() -> RunningApp {
    App::with(Config::builder().build().unwrap())
        .actor::<RoleActor>(RoleServer)
        .actor::<NameActor>(NamesServer)
        .start()
        .await
        .unwrap()
}

async fn register(cx: &Cx, role_id: &str, name: &str) -> Result<RoleState, Status> {
    let req = RegisterReq { role_id: role_id.into(), name: name.into() };
    Ok(RoleClient::new(cx).register(req).await?.role.unwrap())
}

async fn login(cx: &Cx, role_id: &str) -> Result<RoleState, Status> {
    let req = LoginReq { role_id: role_id.into() };
    Ok(RoleClient::new(cx).login(req).await?.role.unwrap())
}

async fn rename(cx: &Cx, role_id: &str, name: &str) -> Result<RoleState, Status> {
    let req = RenameReq { role_id: role_id.into(), name: name.into() };
    Ok(RoleClient::new(cx).rename(req).await?.role.unwrap())
}

async fn power_up(cx: &Cx, role_id: &str, add: i64) -> Result<i64, Status> {
    let req = PowerUpReq { role_id: role_id.into(), add };
    Ok(RoleClient::new(cx).power_up(req).await?.role.unwrap().power)
}

async fn post(cx: &Cx, role_id: &str, text: &str) -> Result<(), Status> {
    let req = PostReq { role_id: role_id.into(), text: text.into(), ..PostReq::default() };
    RoleClient::new(cx).post(req).await.map(drop)
}

async fn info(cx: &Cx, role_id: &str) -> Result<RoleState, Status> {
    let req = GetInfoReq { role_id: role_id.into(), ..GetInfoReq::default() };
    Ok(RoleClient::new(cx).get_info(req).await?.role.unwrap())
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, Status>, error: RoleError) {
    let status = result.unwrap_err();
    assert!(status.is(error), "{status} is not {error:?}");
    assert_eq!(status.effect(), Effect::Ran);
    assert!(!status.message().is_empty());
}

#[tokio::test]
async fn logins_are_counted() {
    let app = app().await;
    let cx = app.cx();
    register(&cx, "p1", "Ada").await.unwrap();
    assert_eq!(info(&cx, "p1").await.unwrap().logins, 0);
    for n in 1..=3 {
        assert_eq!(login(&cx, "p1").await.unwrap().logins, n);
    }
}

#[tokio::test]
async fn a_role_is_made_once_and_grows() {
    let app = app().await;
    let cx = app.cx();
    let role = register(&cx, "p1", "Ada").await.unwrap();
    let made = RoleState { role_id: "p1".into(), name: "Ada".into(), ..RoleState::default() };
    assert_eq!(role, made);
    refused(register(&cx, "p1", "Eve").await, RoleError::Registered);
    assert_eq!(power_up(&cx, "p1", 5).await.unwrap(), 5);
    assert_eq!(power_up(&cx, "p1", 7).await.unwrap(), 12);
    assert_eq!(rename(&cx, "p1", "Ada L").await.unwrap().name, "Ada L");
    let role = info(&cx, "p1").await.unwrap();
    assert_eq!((role.name.as_str(), role.power), ("Ada L", 12));
}

#[tokio::test]
async fn a_player_without_a_role_gets_not_found_from_everything_but_register() {
    let app = app().await;
    let cx = app.cx();
    let calls = [
        login(&cx, "p1").await.map(drop),
        info(&cx, "p1").await.map(drop),
        rename(&cx, "p1", "Ada").await.map(drop),
        power_up(&cx, "p1", 1).await.map(drop),
        post(&cx, "p1", "hello").await,
    ];
    for call in calls {
        let status = call.unwrap_err();
        let found = (status.code(), status.reason(), status.effect());
        assert_eq!(found, (Code::NotFound, reason::NO_SUCH_ENTITY, Effect::NotRun));
    }
}

#[tokio::test]
async fn each_kind_of_bad_input_has_its_own_reason() {
    let app = app().await;
    let cx = app.cx();
    for (name, error) in [
        ("", RoleError::EmptyName),
        ("  ", RoleError::EmptyName),
        (&"x".repeat(25), RoleError::LongName),
        ("a  b", RoleError::BadName),
        (" ada", RoleError::BadName),
        ("ada\u{7}", RoleError::BadName),
        ("<b>", RoleError::BadName),
    ] {
        refused(register(&cx, "p1", name).await, error);
    }
    register(&cx, "p1", &"x".repeat(24)).await.unwrap();
    refused(rename(&cx, "p1", "").await, RoleError::EmptyName);
    refused(power_up(&cx, "p1", -1).await, RoleError::NegativePower);
    assert_eq!(power_up(&cx, "p1", i64::MAX).await.unwrap(), i64::MAX);
    refused(power_up(&cx, "p1", 1).await, RoleError::TooMuchPower);
    refused(post(&cx, "p1", "\n").await, RoleError::EmptyText);
    refused(post(&cx, "p1", &"x".repeat(201)).await, RoleError::LongText);
    refused(post(&cx, "p1", "a\u{1b}[2J").await, RoleError::BadText);
    post(&cx, "p1", &"ä".repeat(200)).await.unwrap();
    assert_eq!(info(&cx, "p1").await.unwrap().power, i64::MAX);
}

#[tokio::test]
async fn a_name_has_one_role_whatever_its_case() {
    let app = app().await;
    let cx = app.cx();
    register(&cx, "p1", "Ada").await.unwrap();
    let status = register(&cx, "p2", "aDA").await.unwrap_err();
    assert_eq!(status.code(), Code::AlreadyExists);
    refused(Err::<(), _>(status), RoleError::NameTaken);
    // It left no role behind.
    assert_eq!(info(&cx, "p2").await.unwrap_err().code(), Code::NotFound);
    register(&cx, "p2", "Eve").await.unwrap();
    refused(rename(&cx, "p2", "ada").await, RoleError::NameTaken);
    // Its own name may change its case.
    assert_eq!(rename(&cx, "p1", "ADA").await.unwrap().name, "ADA");
}

#[tokio::test]
async fn a_name_that_nobody_bears_any_more_is_free() {
    let app = app().await;
    let cx = app.cx();
    register(&cx, "p1", "Ada").await.unwrap();
    rename(&cx, "p1", "Eve").await.unwrap();
    register(&cx, "p2", "Ada").await.unwrap();
    refused(rename(&cx, "p1", "Ada").await, RoleError::NameTaken);
}

#[tokio::test]
async fn a_claim_that_a_crash_left_behind_keeps_nobody_away() {
    let app = app().await;
    let cx = app.cx();
    let claim = |role_id: &str| NameReq { name: "ada".into(), role_id: role_id.into() };
    // What p1's Register does first; then its app died.
    NamesClient::new(&cx).claim(claim("p1")).await.unwrap();
    register(&cx, "p2", "Ada").await.unwrap();
    refused(register(&cx, "p1", "Ada").await, RoleError::NameTaken);
    // A claim of its own it can make again.
    NamesClient::new(&cx)
        .claim(NameReq { name: "bob".into(), role_id: "p1".into() })
        .await
        .unwrap();
    register(&cx, "p1", "Bob").await.unwrap();
}

#[tokio::test]
async fn of_many_who_want_a_name_at_once_one_gets_it() {
    let app = app().await;
    let cx = app.cx();
    let players: Vec<String> = (0..20).map(|n| format!("p{n}")).collect();
    for player in &players {
        register(&cx, player, &format!("name {player}")).await.unwrap();
    }
    let mut tries = tokio::task::JoinSet::new();
    for player in players.clone() {
        let cx = cx.clone();
        tries.spawn(async move { rename(&cx, &player, "Chosen").await });
    }
    let (won, lost): (Vec<_>, Vec<_>) = tries.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 19));
    for lost in lost {
        refused(lost, RoleError::NameTaken);
    }
    let mut bearers = 0;
    for player in &players {
        bearers += u32::from(info(&cx, player).await.unwrap().name == "Chosen");
    }
    assert_eq!(bearers, 1);
}
