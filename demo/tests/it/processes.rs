//! The program's life: ports, signals, crashes, and a game in two processes.

use std::path::Path;
use std::time::{Duration, Instant};

use demo::proto::role::{GetInfoReq, LoginReq, RoleClient};
use guildhall::Effect;
use guildhall::status::reason;
use guildhall_client::{Event, Lost};

use crate::game::{connect, player, power_up, register};
use crate::program::{Place, demo};
use guildhall_testkit::process::{Program, free_addresses};

#[test]
fn a_used_port_is_an_error_that_names_the_setting() {
    let place = Place::new();
    let used = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let used = used.local_addr().unwrap();
    for setting in ["login.listen", "gate.tcp", "gate.websocket", "admin.listen"] {
        let set = format!("{setting}={used}");
        let program = demo(place.folder.path(), &place.settings(&[&set]));
        let (status, printed) = program.finish();
        assert_eq!(status.code(), Some(1), "{setting}");
        assert!(printed.contains(&format!("error: {setting} = \"{used}\"")), "{printed}");
        assert!(printed.contains("in use"), "{printed}");
    }
}

#[test]
fn a_setting_that_is_none_is_an_error_that_names_the_nearest() {
    let place = Place::new();
    let wrong = place.settings(&["login.hashs=2"]);
    let (status, printed) = demo(place.folder.path(), &wrong).finish();
    assert_eq!(status.code(), Some(1));
    assert!(printed.contains("login.hashes"), "{printed}");
    let wrong = place.settings(&["demo.serve=['gatee']"]);
    let (status, printed) = demo(place.folder.path(), &wrong).finish();
    assert_eq!(status.code(), Some(1));
    assert!(printed.contains("there is no `gatee`"), "{printed}");
}

#[test]
fn admin_pages_say_that_players_can_come_and_what_was_counted() {
    let place = Place::new();
    let _server = place.serve(&[]);
    assert_eq!(place.admin("/livez"), (200, "ok\n".into()));
    assert_eq!(place.admin("/readyz"), (200, "ready\n".into()));
    let (code, metrics) = place.admin("/metrics");
    assert_eq!(code, 200);
    assert!(metrics.contains("guildhall_gate_connections 0\n"), "{metrics}");
    assert!(metrics.contains("\nguildhall_actor_turns_total "), "{metrics}");
}

#[test]
fn a_program_that_runs_logs_to_its_file_to_the_end() {
    let place = Place::new();
    let file = place.folder.path().join("logs/demo.log");
    let to = format!("log.file={}", file.display());
    let server = place.serve(&[&to, "log.format=json", "log.level=debug"]);
    let (_, metrics) = place.admin("/metrics");
    assert!(metrics.contains("\nguildhall_log_dropped_total 0\n"), "{metrics}");
    server.signal("-TERM");
    assert_eq!(server.finish().0.code(), Some(0));
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.lines().count() > 1, "{text}");
    for line in text.lines() {
        assert!(line.starts_with("{\"") && line.contains("\"target\":\""), "{line}");
    }
}

#[test]
fn a_gate_without_its_game_is_not_ready_and_says_what_is_missing() {
    let place = Place::new();
    let settings = place.settings(&["demo.serve=['login', 'gate']"]);
    let mut program = demo(place.folder.path(), &settings);
    program.wait_for_start("store");
    let (code, missing) = place.admin("/readyz");
    assert_eq!(code, 503);
    assert!(missing.contains("demo.role.Role") && !missing.contains("Account"), "{missing}");
}

#[tokio::test]
async fn sigterm_tells_the_clients_saves_the_actors_and_ends_with_0() {
    let place = Place::new();
    let server = place.serve(&["actor.role.save_ms=600000"]);
    let (client, mut events) = player(&place, &place.tcp(), "ada").await;
    register(&client, "Ada").await.unwrap();
    assert_eq!(power_up(&client, 5).await.unwrap(), 5);
    // Not durable: only the drain saves it.
    let login = client.call(RoleClient::LOGIN, LoginReq::default()).await.unwrap();
    assert_eq!(login.role.unwrap().logins, 1);
    server.signal("-TERM");
    let told = loop {
        match events.next().await {
            Some(Event::Lost(Lost::Ended(status))) => break status.reason(),
            Some(_) => {}
            None => panic!("the client was not told"),
        }
    };
    assert_eq!(told, reason::GOING_AWAY);
    let (status, printed) = server.finish();
    assert_eq!(status.code(), Some(0), "{printed}");
    let _server = place.serve(&[]);
    let (_, login) = place.login("/login", "ada", "correct horse");
    let (client, _events) = connect(&place.websocket(), login["token"].as_str().unwrap()).await;
    let role = client.call(RoleClient::GET_INFO, GetInfoReq::default()).await.unwrap();
    let role = role.role.unwrap();
    assert_eq!((role.power, role.logins), (5, 1));
}

#[test]
fn after_kill_9_the_store_opens_at_once_and_has_all_that_was_answered() {
    let place = Place::new();
    // What is only in memory stays there.
    let save = "actor.role.save_ms=600000";
    let server = place.serve(&[save]);
    let args = ["--players", "6", "--seconds", "9", "--reconnect"];
    let mut bots = place.bots(&args);
    bots.wait_for_start("play:");
    // Long enough that there is something that must have been saved.
    wait_until(|| counted(&place, "guildhall_gate_calls_total") > 50);
    server.kill();
    let begin = Instant::now();
    let _server = place.serve(&[save]);
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    let (status, printed) = bots.finish();
    assert!(status.success(), "{printed}");
    assert!(printed.contains("players=6 ") && printed.contains(" wrong=0 "), "{printed}");
    assert!(counted(&place, "guildhall_gate_calls_total") >= 6, "they did not come back");
}

#[test]
fn bots_notice_a_server_that_forgets() {
    let place = Place::new();
    let server = place.serve(&[]);
    let seed = ["--seed", "1", "--reconnect"];
    let mut bots = place.bots(&[&["--players", "8", "--seconds", "9"], &seed[..]].concat());
    bots.wait_for_start("play:");
    server.kill();
    let (store, before) = (place.folder.path().join("data"), place.folder.path().join("before"));
    copy(&store, &before);
    let server = place.serve(&[]);
    wait_until(|| counted(&place, "guildhall_gate_calls_total") > 80);
    server.kill();
    // A store of the past, as from a backup.
    copy(&before, &store);
    let _server = place.serve(&[]);
    let (status, printed) = bots.finish();
    assert_eq!(status.code(), Some(1), "{printed}");
    assert!(printed.contains(" was answered"), "{printed}");
}

#[tokio::test]
async fn the_auditor_finds_all_the_money_in_a_store() {
    let place = Place::new();
    let server = place.serve(&[]);
    for name in ["ada", "bob"] {
        let (client, _events) = player(&place, &place.tcp(), name).await;
        register(&client, name).await.unwrap();
    }
    server.signal("-TERM");
    assert_eq!(server.finish().0.code(), Some(0));
    let audit = [place.settings(&[]), vec!["audit".into()]].concat();
    let (status, printed) = demo(place.folder.path(), &audit).finish();
    assert_eq!(status.code(), Some(0), "{printed}");
    let found = "roles=2 granted=2000 balances=2000 on_the_way=0 error=0";
    assert!(printed.contains(found), "{printed}");
}

/// Copies all files of a folder, and of those in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let there = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &there);
        } else {
            std::fs::copy(entry.path(), there).unwrap();
        }
    }
}

#[test]
fn two_processes_that_find_each_other_by_a_list_are_one_game() {
    let halves = Halves::new();
    let (mut edge, mut role) = (halves.edge(), halves.role());
    role.wait_for("ready");
    edge.wait_for("ready");
    let bots = halves.place.bots(&["--players", "10", "--seconds", "3"]);
    let (played, bots) = bots.finish();
    let said = [edge, role].map(|program| {
        program.signal("-TERM");
        let (status, printed) = program.finish();
        assert_eq!(status.code(), Some(0), "{printed}");
        printed
    });
    assert!(played.success(), "{bots}\n{}", said.join("\n"));
    assert!(bots.contains("players=10 ") && bots.contains(" wrong=0 "), "{bots}");
}

#[tokio::test]
async fn a_connection_outlives_the_process_that_runs_the_game() {
    let halves = Halves::new();
    let (mut edge, role) = (halves.edge(), halves.role());
    edge.wait_for("ready");
    let (client, _events) = player(&halves.place, &halves.place.tcp(), "ada").await;
    register(&client, "Ada").await.unwrap();
    role.kill();
    wait_until(|| halves.place.admin("/readyz").0 == 503);
    let status = power_up(&client, 1).await.unwrap_err();
    assert_eq!((status.reason(), status.effect()), (reason::NO_ROUTE, Effect::NotRun), "{status}");
    let mut role = halves.role();
    role.wait_for("ready");
    wait_until(|| halves.place.admin("/readyz").0 == 200);
    assert_eq!(power_up(&client, 2).await.unwrap(), 2);
}

/// A place for both halves, each with its file.
struct Halves {
    place: Place,
    edge: String,
    role: String,
    /// Of the role half.
    admin: String,
}

impl Halves {
    fn new() -> Self {
        let [edge, role, admin] = free_addresses();
        Self { place: Place::new(), edge, role, admin }
    }

    fn edge(&self) -> Program {
        let link = format!("link.listen={}", self.edge);
        let settings = self.place.settings(&[&self.discovery(), &link]);
        self.start("edge.toml", settings)
    }

    fn role(&self) -> Program {
        let own = [format!("link.listen={}", self.role), format!("admin.listen={}", self.admin)];
        let settings = own.into_iter().chain([self.discovery()]);
        self.start("role.toml", settings.map(|set| format!("--set={set}")).collect())
    }

    fn discovery(&self) -> String {
        format!("app.discovery=static:{},{}", self.edge, self.role)
    }

    fn start(&self, file: &str, mut args: Vec<String>) -> Program {
        args.push(format!("--config={}/{file}", env!("CARGO_MANIFEST_DIR")));
        demo(self.place.folder.path(), &args)
    }
}

#[test]
fn a_gate_starts_with_the_keys_of_before_when_the_login_server_is_away() {
    let place = Place::new();
    let [nobody] = free_addresses();
    let away = format!("demo.keys=http://{nobody}/keys");
    let settings = place.settings(&["demo.serve=['gate']", &away, "demo.keys_wait_ms=100"]);
    let (status, printed) = demo(place.folder.path(), &settings).finish();
    assert_eq!(status.code(), Some(1), "{printed}");
    assert!(printed.contains("demo.keys") && printed.contains(&nobody), "{printed}");
    drop(place.serve(&[]));
    let mut gate = demo(place.folder.path(), &settings);
    gate.wait_for_start("gate (TCP)");
}

#[test]
fn bots_that_lose_their_server_fail() {
    let place = Place::new();
    let server = place.serve(&[]);
    let mut bots = place.bots(&["--players", "2", "--seconds", "30"]);
    bots.wait_for_start("play:");
    server.kill();
    // They end before their time, because there is nothing left to do.
    let (status, printed) = bots.finish();
    assert_eq!(status.code(), Some(1), "{printed}");
    assert!(printed.contains("lost its connection") && printed.contains(" wrong=2 "), "{printed}");
}

fn counted(place: &Place, name: &str) -> u64 {
    let (_, metrics) = place.admin("/metrics");
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().parse().unwrap()
}

#[track_caller]
fn wait_until(is: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is() {
        assert!(Instant::now() < end, "it did not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}
