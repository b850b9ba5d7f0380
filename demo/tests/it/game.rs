//! Players at a real gate.

use demo::proto::club::{ClubClient, ClubError, ClubReq, ClubRoleClient, TakeReq};
use demo::proto::online::{OnlineClient, ReadReq};
use demo::proto::role::{
    BearsReq, Channel, ChannelMsg, ClubInfoReq, CreateClubReq, GetClubRoleInfoReq,
    GetClubRoleInfoRsp, GetInfoReq, JoinClubReq, LinesClient, LoginReq, Look, NameReq, NamesClient,
    PostReq, PowerUpReq, RecentReq, RegisterReq, RenameReq, RoleClient, RoleError, RoleEvents,
    RoleRsp, RoleState,
};
use demo::proto::uid::{AllocReq, UidClient};
use guildhall::status::reason;
use guildhall::{Effect, Env, Status};
use guildhall_client::{Client, Event, Events, Options};

use crate::program::Place;

/// A new account with a connection.
pub(crate) async fn player(place: &Place, gate: &str, account: &str) -> (Client, Events) {
    let (code, login) = place.login("/register", account, "correct horse");
    assert_eq!(code, 201, "{login}");
    connect(gate, login["token"].as_str().unwrap()).await
}

pub(crate) async fn connect(gate: &str, token: &str) -> (Client, Events) {
    let options = Options { attempts_max: 0, ..Options::default() };
    Client::connect(&Env::real(), gate, token, options).await.unwrap()
}

pub(crate) async fn register(client: &Client, name: &str) -> Result<RoleRsp, Status> {
    let req = RegisterReq { name: name.into(), ..RegisterReq::default() };
    client.call(RoleClient::REGISTER, req).await
}

pub(crate) async fn power_up(client: &Client, add: i64) -> Result<i64, Status> {
    let req = PowerUpReq { add, ..PowerUpReq::default() };
    Ok(client.call(RoleClient::POWER_UP, req).await?.role.unwrap().power)
}

pub(crate) async fn power(client: &Client) -> i64 {
    let rsp = client.call(RoleClient::GET_INFO, GetInfoReq::default()).await.unwrap();
    rsp.role.unwrap().power
}

#[tokio::test]
async fn bad_input_reaches_the_client_as_the_reason_that_the_game_gave() {
    let place = Place::new();
    let _server = place.serve(&[]);
    let (client, _events) = player(&place, &place.tcp(), "ada").await;
    let missing = client.call(RoleClient::GET_INFO, GetInfoReq::default()).await.unwrap_err();
    assert_eq!(missing.reason(), reason::NO_SUCH_ENTITY);
    let empty = register(&client, "").await.unwrap_err();
    register(&client, "Ada").await.unwrap();
    let (other, _events) = player(&place, &place.websocket(), "eve").await;
    let taken = register(&other, "ada").await.unwrap_err();
    let rename =
        |name: String| client.call(RoleClient::RENAME, RenameReq { name, ..RenameReq::default() });
    let post = |text: String| client.call(RoleClient::POST, PostReq { text, ..PostReq::default() });
    power_up(&client, 1).await.unwrap();
    for (status, error) in [
        (empty, RoleError::EmptyName),
        (taken, RoleError::NameTaken),
        (register(&client, "Ada").await.unwrap_err(), RoleError::Registered),
        (rename("x".repeat(25)).await.unwrap_err(), RoleError::LongName),
        (rename("a--b".into()).await.unwrap_err(), RoleError::BadName),
        (power_up(&client, -1).await.unwrap_err(), RoleError::NegativePower),
        (power_up(&client, i64::MAX).await.unwrap_err(), RoleError::TooMuchPower),
        (post(String::new()).await.unwrap_err(), RoleError::EmptyText),
        (post("x".repeat(201)).await.unwrap_err(), RoleError::LongText),
    ] {
        assert!(status.is(error), "{status} is not {error:?}");
        assert_eq!(status.effect(), Effect::Ran);
    }
    assert_eq!(power(&client).await, 1);
}

#[tokio::test]
async fn nobody_plays_the_role_of_another() {
    let place = Place::new();
    let _server = place.serve(&[]);
    let (ada, _events) = player(&place, &place.tcp(), "ada").await;
    let (eve, _events) = player(&place, &place.tcp(), "eve").await;
    register(&ada, "Ada").await.unwrap();
    register(&eve, "Eve").await.unwrap();
    let forged = PowerUpReq { role_id: ada.player(), add: 5 };
    let rsp = eve.call(RoleClient::POWER_UP, forged).await.unwrap();
    assert_eq!(rsp.role.unwrap().role_id, eve.player());
    assert_eq!((power(&ada).await, power(&eve).await), (0, 5));
    // What apps ask each other is nothing for clients.
    let bears = eve.call(RoleClient::BEARS, BearsReq::default()).await.unwrap_err();
    let claim = NameReq { name: "ada".into(), role_id: eve.player() };
    let claim = eve.call(NamesClient::CLAIM, claim).await.unwrap_err();
    assert_eq!([bears.reason(), claim.reason()], [reason::NO_SUCH_METHOD; 2]);
    let join = eve.call(ClubClient::JOIN, ClubReq::default()).await.unwrap_err();
    let take = eve.call(ClubRoleClient::TAKE, TakeReq::default()).await.unwrap_err();
    let alloc = eve.call(UidClient::ALLOC, AllocReq::default()).await.unwrap_err();
    let read = eve.call(OnlineClient::READ, ReadReq::default()).await.unwrap_err();
    let reasons = [join.reason(), take.reason(), alloc.reason(), read.reason()];
    assert_eq!(reasons, [reason::NO_SUCH_METHOD; 4]);
}

#[tokio::test]
async fn a_line_for_the_club_reaches_its_members_and_nobody_else() {
    let place = Place::new();
    let _server = place.serve(&[]);
    let (ada, mut at_ada) = player(&place, &place.tcp(), "ada").await;
    let (bob, mut at_bob) = player(&place, &place.websocket(), "bob").await;
    let (eve, mut at_eve) = player(&place, &place.tcp(), "eve").await;
    for (client, name) in [(&ada, "Ada"), (&bob, "Bob"), (&eve, "Eve")] {
        register(client, name).await.unwrap();
    }
    let say = |text: &str, channel: Channel| PostReq {
        text: text.into(),
        channel: channel.into(),
        ..PostReq::default()
    };
    let alone = ada.call(RoleClient::POST, say("anybody?", Channel::Club)).await.unwrap_err();
    assert!(alone.is(ClubError::NotInAClub), "{alone}");
    let club = ada.call(RoleClient::CREATE_CLUB, CreateClubReq::default()).await.unwrap();
    let join = JoinClubReq { club_id: club.club_id, ..JoinClubReq::default() };
    bob.call(RoleClient::JOIN_CLUB, join).await.unwrap();
    let heard = ada.call(RoleClient::POST, say("for us", Channel::Club)).await.unwrap();
    assert_eq!(heard.heard_by, [bob.player()]);
    bob.call(RoleClient::POST, say("for all", Channel::All)).await.unwrap();
    ada.call(RoleClient::POST, say("the end", Channel::All)).await.unwrap();
    for (events, expected) in [
        (&mut at_ada, &["for all"][..]),
        (&mut at_bob, &["for us", "the end"]),
        (&mut at_eve, &["for all", "the end"]),
    ] {
        for expected in expected {
            let Some(Event::Push(push)) = events.next().await else { panic!("no push") };
            let msg = push.decode(RoleEvents::CHANNEL).unwrap().unwrap();
            assert_eq!(msg.text, *expected);
            let of_the_club = (msg.channel() == Channel::Club, msg.club_id);
            let is_line = *expected == "for us";
            assert_eq!(of_the_club, (is_line, if is_line { club.club_id } else { 0 }));
        }
    }
    // Who of the members is online, anybody may see.
    drop((bob, at_bob));
    let info = || {
        eve.call(
            RoleClient::CLUB_INFO,
            ClubInfoReq { club_id: club.club_id, ..ClubInfoReq::default() },
        )
    };
    let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let online: Vec<bool> =
            info().await.unwrap().members.iter().map(|member| member.online).collect();
        if online == [true, false] {
            break;
        }
        assert!(online == [true, true] && std::time::Instant::now() < end, "{online:?}");
    }
}

#[tokio::test]
async fn a_post_reaches_all_others_and_not_its_author() {
    let place = Place::new();
    let _server = place.serve(&[]);
    let (ada, mut at_ada) = player(&place, &place.tcp(), "ada").await;
    let (eve, mut at_eve) = player(&place, &place.websocket(), "eve").await;
    register(&ada, "Ada").await.unwrap();
    register(&eve, "Eve").await.unwrap();
    for (from, text) in [(&ada, "from ada"), (&eve, "from eve")] {
        let req = PostReq { text: text.into(), ..PostReq::default() };
        from.call(RoleClient::POST, req).await.unwrap();
    }
    for (events, from, text) in [(&mut at_ada, &eve, "from eve"), (&mut at_eve, &ada, "from ada")] {
        let Some(Event::Push(push)) = events.next().await else { panic!("no push") };
        let msg = push.decode(RoleEvents::CHANNEL).unwrap().unwrap();
        assert_eq!((msg.role_id, msg.text.as_str()), (from.player(), text));
    }
}

#[tokio::test]
async fn what_was_said_to_all_is_told_to_those_who_come_later() {
    let place = Place::new();
    let _server = place.serve(&[]);
    let (ada, _events) = player(&place, &place.tcp(), "ada").await;
    register(&ada, "Ada").await.unwrap();
    for text in ["first", "second"] {
        let req = PostReq { text: text.into(), ..PostReq::default() };
        ada.call(RoleClient::POST, req).await.unwrap();
    }
    let (eve, _events) = player(&place, &place.websocket(), "eve").await;
    let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let recent = eve.call(LinesClient::RECENT, RecentReq {}).await.unwrap();
        let texts: Vec<_> = recent.lines.iter().map(|line| line.text.as_str()).collect();
        if texts == ["first", "second"] {
            assert_eq!(
                (&recent.lines[0].role_id, recent.lines[0].name.as_str()),
                (&ada.player(), "Ada")
            );
            break;
        }
        assert!(texts.len() < 2 && std::time::Instant::now() < end, "{texts:?}");
    }
    // It comes from apps, by the topic, and from nobody else.
    let forged = eve.call(LinesClient::RECV_CHANNEL, ChannelMsg::default()).await;
    assert_eq!(forged.unwrap_err().effect(), Effect::NotRun);
}

#[tokio::test]
async fn a_role_is_told_in_detail_or_as_others_see_it() {
    let place = Place::new();
    let _server = place.serve(&[]);
    let (ada, _events) = player(&place, &place.tcp(), "ada").await;
    register(&ada, "Ada").await.unwrap();
    power_up(&ada, 7).await.unwrap();
    ada.call(RoleClient::LOGIN, LoginReq::default()).await.unwrap();
    let club = ada.call(RoleClient::CREATE_CLUB, CreateClubReq::default()).await.unwrap().club_id;
    let told = async |look: Look| {
        let req = GetInfoReq { look: look.into(), ..GetInfoReq::default() };
        ada.call(RoleClient::GET_INFO, req).await.unwrap().role.unwrap()
    };
    let brief =
        RoleState { role_id: ada.player(), name: "Ada".into(), power: 7, ..RoleState::default() };
    assert_eq!(told(Look::Brief).await, brief);
    assert_eq!(told(Look::Detail).await, RoleState { logins: 1, club_id: club, ..brief });
}

#[tokio::test]
async fn a_role_is_told_what_it_is_in_its_club() {
    let place = Place::new();
    let _server = place.serve(&[]);
    let (ada, _events) = player(&place, &place.tcp(), "ada").await;
    let (bob, _events) = player(&place, &place.tcp(), "bob").await;
    register(&ada, "Ada").await.unwrap();
    register(&bob, "Bob").await.unwrap();
    let told = async |client: &Client| {
        client.call(RoleClient::GET_CLUB_ROLE_INFO, GetClubRoleInfoReq::default()).await
    };
    let alone = told(&bob).await.unwrap_err();
    assert!(alone.is(ClubError::NotInAClub), "{alone}");
    let club_id =
        ada.call(RoleClient::CREATE_CLUB, CreateClubReq::default()).await.unwrap().club_id;
    let join = JoinClubReq { club_id, ..JoinClubReq::default() };
    bob.call(RoleClient::JOIN_CLUB, join).await.unwrap();
    for (client, owner, place) in [(&ada, true, 1), (&bob, false, 2)] {
        let expected = GetClubRoleInfoRsp { club_id, owner, place, members: 2 };
        assert_eq!(told(client).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_forged_token_gets_nowhere() {
    let place = Place::new();
    let _server = place.serve(&[]);
    let (_, login) = place.login("/register", "ada", "correct horse");
    let token = login["token"].as_str().unwrap();
    let (body, _signature) = token.rsplit_once('.').unwrap();
    let options = || Options { attempts_max: 0, ..Options::default() };
    for forged in [format!("{body}."), format!("{body}.{}", "A".repeat(86)), "token".into()] {
        let refused = Client::connect(&Env::real(), &place.tcp(), forged, options()).await;
        let status = Status::from(refused.unwrap_err());
        assert_eq!(status.reason(), reason::UNAUTHENTICATED, "{status}");
    }
}

#[tokio::test]
async fn nobody_posts_without_end() {
    let place = Place::new();
    let _server = place.serve(&[]);
    let (client, _events) = player(&place, &place.tcp(), "ada").await;
    register(&client, "Ada").await.unwrap();
    // More at once than a second allows.
    let post = || client.call(RoleClient::POST, PostReq { text: "a".into(), ..PostReq::default() });
    let posts = futures_util::future::join_all((0..20).map(|_| post())).await;
    let limited = posts
        .iter()
        .filter(|post| post.as_ref().is_err_and(|status| status.reason() == reason::LIMITED));
    assert!(limited.count() > 0, "{posts:?}");
    assert!(posts.iter().any(Result::is_ok));
}
