//! Clubs: who may do what, and that nobody is in two of them, whatever crashes when.

use std::collections::BTreeMap;
use std::time::Duration;

use demo::club::MEMBERS_MAX;
use demo::club::roles::PAGE;
use demo::proto::club::{
    ClubClient, ClubError, ClubReq, ClubRoleClient, ClubStateEntity, ReadReq, TakeReq,
};
use demo::proto::role::{GetInfoReq, ListClubsReq, RoleClient};
use guildhall::entity::Entity as _;
use guildhall::store::{Order, Query};
use guildhall::{Cx, Effect, Status};
use guildhall_testkit::Cluster;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::town::{CALLER, cancel, create, exit, find, info, join, members, register, start};

const GAME: &str = "demo.w1.game.1";
const ALL: &[&str] = &["role", "club", "clubrole", "uid", "online"];

async fn game() -> Cluster {
    let mut cluster = Cluster::new(7);
    start(&mut cluster, &[(GAME, ALL)]).await;
    cluster
}

async fn roles(cx: &Cx, roles: &[&str]) {
    for role in roles {
        register(cx, role).await;
    }
}

/// What the role itself remembers.
async fn remembers(cx: &Cx, role_id: &str) -> u64 {
    let rsp = RoleClient::new(cx)
        .get_info(GetInfoReq { role_id: role_id.into(), ..GetInfoReq::default() })
        .await
        .unwrap();
    rsp.role.unwrap().club_id
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, Status>, error: ClubError) {
    let status = result.unwrap_err();
    assert!(status.is(error), "{status} is not {error:?}");
    assert_eq!(status.effect(), Effect::Ran);
}

#[tokio::test(start_paused = true)]
async fn a_role_knows_the_club_that_it_has_made_or_joined() {
    let cluster = game().await;
    let cx = cluster.cx(CALLER);
    roles(&cx, &["1", "2"]).await;
    let club = create(&cx, "1").await.unwrap();
    assert_ne!(club, 0, "0 is no club");
    assert_eq!(join(&cx, "2", club).await.unwrap(), club);
    assert_eq!((remembers(&cx, "1").await, remembers(&cx, "2").await), (club, club));
    assert_eq!(members(&cx, "2").await.unwrap(), ["1", "2"]);
    assert_eq!(info(&cx, "2", 0).await.unwrap().owner, "1");
    // Once more changes nothing.
    assert_eq!(join(&cx, "2", club).await.unwrap(), club);
    assert_eq!(members(&cx, "1").await.unwrap(), ["1", "2"]);
    assert_eq!(exit(&cx, "2").await.unwrap(), club);
    assert_eq!(remembers(&cx, "2").await, 0);
    assert_eq!(members(&cx, "1").await.unwrap(), ["1"]);
}

#[tokio::test(start_paused = true)]
async fn who_is_in_a_club_neither_makes_nor_joins_another() {
    let cluster = game().await;
    let cx = cluster.cx(CALLER);
    roles(&cx, &["1", "2", "3"]).await;
    let (first, second) = (create(&cx, "1").await.unwrap(), create(&cx, "2").await.unwrap());
    join(&cx, "3", first).await.unwrap();
    refused(join(&cx, "3", second).await, ClubError::InAClub);
    refused(create(&cx, "3").await, ClubError::InAClub);
    refused(join(&cx, "1", second).await, ClubError::InAClub);
    refused(create(&cx, "1").await, ClubError::InAClub);
    assert_eq!(members(&cx, "2").await.unwrap(), ["2"]);
    exit(&cx, "3").await.unwrap();
    assert_eq!(join(&cx, "3", second).await.unwrap(), second);
}

#[tokio::test(start_paused = true)]
async fn an_owner_stays_until_it_cancels_and_nobody_else_cancels() {
    let cluster = game().await;
    let cx = cluster.cx(CALLER);
    roles(&cx, &["1", "2", "3"]).await;
    let club = create(&cx, "1").await.unwrap();
    join(&cx, "2", club).await.unwrap();
    refused(exit(&cx, "1").await, ClubError::OwnerStays);
    refused(cancel(&cx, "2").await, ClubError::NotTheOwner);
    refused(exit(&cx, "3").await, ClubError::NotInAClub);
    refused(cancel(&cx, "3").await, ClubError::NotInAClub);
    refused(info(&cx, "3", 0).await, ClubError::NotInAClub);
    refused(join(&cx, "3", 0).await, ClubError::NoSuchClub);
    refused(join(&cx, "3", 999).await, ClubError::NoSuchClub);
    refused(info(&cx, "3", 999).await, ClubError::NoSuchClub);
    assert_eq!(members(&cx, "2").await.unwrap(), ["1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_club_frees_all_its_members() {
    let cluster = game().await;
    let cx = cluster.cx(CALLER);
    roles(&cx, &["1", "2", "3"]).await;
    let club = create(&cx, "1").await.unwrap();
    for role in ["2", "3"] {
        join(&cx, role, club).await.unwrap();
    }
    assert_eq!(cancel(&cx, "1").await.unwrap(), club);
    refused(info(&cx, "1", club).await, ClubError::NoSuchClub);
    let next = create(&cx, "2").await.unwrap();
    assert!(next > club, "{next} after {club}");
    for role in ["1", "3"] {
        assert_eq!(join(&cx, role, next).await.unwrap(), next);
    }
    refused(join(&cx, "1", club).await, ClubError::NoSuchClub);
}

#[tokio::test(start_paused = true)]
async fn a_full_club_takes_nobody() {
    let cluster = game().await;
    let cx = cluster.cx(CALLER);
    register(&cx, "owner").await;
    let club = create(&cx, "owner").await.unwrap();
    let many: Vec<String> = (0..MEMBERS_MAX + 5).map(|n| format!("r{n}")).collect();
    let mut tries = tokio::task::JoinSet::new();
    for role in many.clone() {
        let cx = cx.clone();
        register(&cx, &role).await;
        tries.spawn(async move { join(&cx, &role, club).await });
    }
    let (taken, refused): (Vec<_>, Vec<_>) =
        tries.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!((taken.len(), refused.len()), (MEMBERS_MAX - 1, 6));
    assert!(refused.iter().all(|it| it.as_ref().is_err_and(|status| status.is(ClubError::Full))));
    assert_eq!(members(&cx, "owner").await.unwrap().len(), MEMBERS_MAX);
    // Who was refused is free.
    for role in many {
        let is_in = find(&cx, &role).await.unwrap() == club;
        assert_eq!(is_in, members(&cx, "owner").await.unwrap().contains(&role));
    }
}

#[tokio::test(start_paused = true)]
async fn a_club_and_its_members_survive_a_crash_of_everything() {
    let mut cluster = game().await;
    let cx = cluster.cx(CALLER);
    roles(&cx, &["1", "2"]).await;
    let club = create(&cx, "1").await.unwrap();
    join(&cx, "2", club).await.unwrap();
    cluster.restart(GAME).await.unwrap();
    cluster.linked().await;
    assert_eq!(members(&cx, "2").await.unwrap(), ["1", "2"]);
    refused(create(&cx, "2").await, ClubError::InAClub);
    refused(exit(&cx, "1").await, ClubError::OwnerStays);
    assert!(create_for(&cx, "3").await > club, "an id is given once");
}

#[tokio::test(start_paused = true)]
async fn clubs_are_listed_page_by_page() {
    let cluster = game().await;
    let cx = cluster.cx(CALLER);
    let mut made = BTreeMap::new();
    for n in 0..2 * PAGE + 5 {
        let role = format!("r{n}");
        register(&cx, &role).await;
        made.insert(create(&cx, &role).await.unwrap(), (role, 1));
    }
    // One is full of members, one is no more, and of one a crash has left the row.
    register(&cx, "guest").await;
    let (first, last) = (*made.keys().next().unwrap(), *made.keys().last().unwrap());
    join(&cx, "guest", first).await.unwrap();
    made.get_mut(&first).unwrap().1 = 2;
    cancel(&cx, &made.remove(&last).unwrap().0).await.unwrap();
    let row = TakeReq { role_id: "ghost".into(), club_id: 777, owner: true };
    ClubRoleClient::new(&cx).take(row).await.unwrap();
    let (mut listed, mut after, mut pages) = (BTreeMap::new(), String::new(), 0);
    loop {
        let req = ListClubsReq { role_id: "guest".into(), after };
        let page = RoleClient::new(&cx).list_clubs(req).await.unwrap();
        assert!(page.clubs.len() <= PAGE);
        for club in page.clubs {
            assert_eq!(listed.insert(club.club_id, (club.owner, club.members)), None);
        }
        pages += 1;
        after = page.next;
        if after.is_empty() {
            break;
        }
    }
    assert_eq!(listed, made);
    assert!(pages >= 3, "{pages} pages");
}

async fn create_for(cx: &Cx, role_id: &str) -> u64 {
    register(cx, role_id).await;
    create(cx, role_id).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_a_crash_leaves_of_a_club_keeps_nobody_out_of_another() {
    let cluster = game().await;
    let cx = cluster.cx(CALLER);
    roles(&cx, &["1", "2", "3"]).await;
    let club = create(&cx, "1").await.unwrap();
    let take = |role_id: &str, club_id, owner| TakeReq { role_id: role_id.into(), club_id, owner };
    // The app of a club has died after it took the row and before it had the member, or the club.
    ClubRoleClient::new(&cx).take(take("2", 12345, true)).await.unwrap();
    assert_eq!(join(&cx, "2", club).await.unwrap(), club);
    ClubRoleClient::new(&cx).take(take("3", club, false)).await.unwrap();
    assert_eq!(create(&cx, "3").await.unwrap(), club + 1);
    assert_eq!(members(&cx, "1").await.unwrap(), ["1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn a_role_that_remembers_the_wrong_club_learns_better() {
    let cluster = game().await;
    let cx = cluster.cx(CALLER);
    roles(&cx, &["1", "2"]).await;
    let club = create(&cx, "1").await.unwrap();
    join(&cx, "2", club).await.unwrap();
    // Its club has let it go, and its app died before it heard.
    let req = ClubReq { club_id: club, role_id: "2".into() };
    assert!(ClubClient::new(&cx).exit(req).await.unwrap().member);
    assert_eq!(remembers(&cx, "2").await, club);
    refused(info(&cx, "2", 0).await, ClubError::NotInAClub);
    assert_eq!(remembers(&cx, "2").await, 0);
    assert_ne!(create(&cx, "2").await.unwrap(), club);
}

/// Apps that die at any moment, while roles do all that they can with few clubs.
const APPS: &[(&str, &[&str])] = &[
    ("demo.w1.role.1", &["role"]),
    ("demo.w1.role.2", &["role"]),
    ("demo.w1.club.1", &["club"]),
    ("demo.w1.club.2", &["club"]),
    ("demo.w1.clubrole.1", &["clubrole"]),
    ("demo.w1.clubrole.2", &["clubrole"]),
    ("demo.w1.uid.1", &["uid"]),
    ("demo.w1.online.1", &["online"]),
];
const ROLES: usize = 10;

#[tokio::test(start_paused = true)]
async fn nobody_is_in_two_clubs_whatever_crashes_when() {
    let mut done = 0;
    for seed in 0..6 {
        done += one_run(seed).await;
    }
    assert!(done > 300, "only {done} calls did what they should: nothing was tried");
}

async fn one_run(seed: u64) -> usize {
    let mut cluster = Cluster::new(seed);
    start(&mut cluster, APPS).await;
    let cx = cluster.cx(CALLER);
    let mut rng = StdRng::seed_from_u64(seed);
    let roles: Vec<String> = (0..ROLES).map(|n| format!("r{n}")).collect();
    for role in &roles {
        register(&cx, role).await;
    }
    let playing = roles.iter().map(|role| {
        let (cx, role, seed) = (cx.clone(), role.clone(), rng.random());
        cx.env().clone().spawn("role", async move { play(&cx, &role, seed).await })
    });
    let playing: Vec<_> = playing.collect();
    for _ in 0..8 {
        cluster.advance(Duration::from_millis(rng.random_range(1..400))).await;
        let (id, _) = APPS[rng.random_range(0..APPS.len())];
        match rng.random_range(0..3) {
            0 => {
                let other = APPS[rng.random_range(0..APPS.len())].0;
                cluster.partition(id, other);
                cluster.advance(Duration::from_millis(rng.random_range(1..2000))).await;
                cluster.heal_all();
            }
            1 => cluster.shutdown(id).await,
            _ => cluster.kill(id),
        }
        cluster.advance(Duration::from_millis(rng.random_range(0..50))).await;
        cluster.restart(id).await.unwrap();
    }
    let mut done = 0;
    for role in playing {
        done += role.await.unwrap().unwrap();
    }
    cluster.linked().await;
    audit(&cluster, &roles, seed).await;
    done
}

/// Does what comes to its mind; how much of it was done.
async fn play(cx: &Cx, role: &str, seed: u64) -> usize {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut done = 0;
    for _ in 0..60 {
        let what = rng.random_range(0..10);
        // Clubs have the first ids, but for the rests of blocks.
        let club = rng.random_range(1..8) + 1000 * u64::from(rng.random_bool(0.2));
        let result = match what {
            0..2 => create(cx, role).await,
            2..6 => join(cx, role, club).await,
            6..8 => exit(cx, role).await,
            8 => cancel(cx, role).await,
            _ => info(cx, role, 0).await.map(|info| info.club_id),
        };
        done += usize::from(result.is_ok());
        cx.env().sleep(Duration::from_millis(rng.random_range(0..60))).await;
    }
    done
}

/// Reads all back, twice: before and after each role has asked what it is in, which repairs what crashes have left.
async fn audit(cluster: &Cluster, roles: &[String], seed: u64) {
    let cx = &cluster.cx(CALLER);
    let before = memberships(cluster).await;
    let mut clubs = BTreeMap::<u64, Vec<String>>::new();
    for role in roles {
        let club = find(cx, role).await.unwrap();
        if club != 0 {
            clubs.entry(club).or_default().push(role.clone());
        }
        let own = info(cx, role, 0).await.map_or(0, |info| info.club_id);
        assert_eq!(own, club, "seed {seed}: {role} believes something else");
    }
    let after = memberships(cluster).await;
    assert_eq!(before, after, "seed {seed}: asking changes no member");
    assert_eq!(after, clubs, "seed {seed}: clubs and roles do not agree");
    // Everybody can go on: out of a club, and into another.
    for role in roles {
        match exit(cx, role).await {
            Ok(_) => {}
            Err(status) if status.is(ClubError::NotInAClub) => {}
            Err(status) if status.is(ClubError::OwnerStays) => {
                cancel(cx, role).await.unwrap();
            }
            Err(status) => panic!("seed {seed}: {role}: {status}"),
        }
        create(cx, role).await.unwrap();
    }
}

/// All clubs with their members, and that each owner is one of them.
async fn memberships(cluster: &Cluster) -> BTreeMap<u64, Vec<String>> {
    let cx = cluster.cx(CALLER);
    let all = Query {
        keys_only: false,
        table: ClubStateEntity::TABLE,
        conditions: Vec::new(),
        order: Order::Key,
        after: None,
        limit: 1000,
    };
    let mut clubs = BTreeMap::new();
    for (key, _) in cluster.store().query(&all).await.unwrap().rows {
        let club_id = key.as_str().parse().unwrap();
        // One that is cancelled may not be saved as such yet.
        let Ok(read) = ClubClient::new(&cx).read(ReadReq { club_id }).await else { continue };
        let club = read.club.unwrap();
        assert!(club.members.contains(&club.owner), "{club:?}");
        let mut members = club.members;
        members.sort();
        clubs.insert(club_id, members);
    }
    clubs
}
