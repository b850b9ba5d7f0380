//! The game as a process for each part: with stores of their own that find each other by a list, and on a hub.

use std::thread::JoinHandle;

use guildhall::{App, Config, Env, RunningApp};
use guildhall_hub_server::Hub;
use tokio::sync::oneshot;

use crate::program::{Place, demo};
use guildhall_testkit::process::{Program, free_addresses};

/// Processes that are one game.
pub(crate) struct Parts {
    programs: Vec<Program>,
    pub(crate) login: String,
    pub(crate) gates: Vec<String>,
}

impl Parts {
    /// Starts a process for each of `parts`, with what `settings` gives it, and waits until players can come.
    pub(crate) fn start(
        place: &Place,
        parts: &[&str],
        settings: impl Fn(usize, &str) -> Vec<String>,
    ) -> Self {
        let [login] = free_addresses();
        let mut gates = Vec::new();
        let start = |(at, part): (usize, &&str)| {
            let [admin, tcp, websocket] = free_addresses();
            let common = [
                format!("app.id=demo.w1.{part}.{at}"),
                format!("demo.serve=['{part}']"),
                format!("demo.keys=http://{login}/keys"),
                format!("admin.listen={admin}"),
                format!("login.listen={login}"),
                format!("gate.jwt.keys=./data/gate{at}/jwks.json"),
                format!("gate.tcp={tcp}"),
                format!("gate.websocket={websocket}"),
            ];
            if *part == "gate" {
                // One by TCP, the next by WebSocket.
                let tcp = format!("tcp://{tcp}");
                gates.push(if gates.len() % 2 == 0 { tcp } else { format!("ws://{websocket}") });
            }
            let all = common.into_iter().chain(settings(at, part));
            let all: Vec<String> = all.map(|set| format!("--set={set}")).collect();
            demo(place.folder.path(), &all)
        };
        let mut programs: Vec<Program> = parts.iter().enumerate().map(start).collect();
        programs.iter_mut().for_each(|program| program.wait_for("ready"));
        Self { programs, login, gates }
    }

    fn bots(&self, place: &Place, args: &[&str]) -> Program {
        let mut args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        args.push(format!("--login=http://{}", self.login));
        args.extend(self.gates.iter().map(|gate| format!("--address={gate}")));
        demo(place.folder.path(), &args)
    }

    /// Starts them with stores of their own; they find each other by a list.
    pub(crate) fn alone<const N: usize>(place: &Place, parts: [&str; N]) -> Self {
        let links: [String; N] = free_addresses();
        Self::start(place, &parts, |at, part| {
            vec![
                format!("app.discovery=static:{}", links.join(",")),
                format!("link.listen={}", links[at]),
                format!("app.store=redb:./data/{part}{at}"),
                "app.leases=memory:".to_owned(),
            ]
        })
    }

    /// SIGTERM: all end with 0.
    pub(crate) fn end(self) {
        for program in self.programs {
            program.signal("-TERM");
            let (status, printed) = program.finish();
            assert_eq!(status.code(), Some(0), "{printed}");
        }
    }
}

#[test]
fn a_process_for_each_part_and_two_gates_are_one_game() {
    // Gates first: they wait for the login server's keys.
    const PARTS: [&str; 8] = ["gate", "gate", "login", "role", "club", "clubrole", "uid", "online"];
    let place = Place::new();
    let parts = Parts::alone(&place, PARTS);
    let bots = parts.bots(&place, &["bots", "--players=12", "--seconds=4"]);
    let (status, printed) = bots.finish();
    assert!(status.success(), "{printed}");
    assert!(printed.contains("players=12 ") && printed.contains(" wrong=0 "), "{printed}");
    parts.end();
}

#[test]
fn the_game_plays_on_when_its_hub_is_killed() {
    const PARTS: [&str; 9] =
        ["gate", "login", "role", "role", "club", "club", "clubrole", "uid", "online"];
    let place = Place::new();
    let [address] = free_addresses();
    let hub = HubThread::start(&place, &address);
    let parts = Parts::start(&place, &PARTS, |_, _| {
        vec![format!("app.cluster=hub://{address}"), "link.listen=127.0.0.1:0".to_owned()]
    });
    let mut bots = parts.bots(&place, &["bots", "--players=12", "--seconds=6", "--reconnect"]);
    bots.wait_for_start("play");
    hub.end(Ending::Killed);
    let hub = HubThread::start(&place, &address);
    let (status, printed) = bots.finish();
    assert!(status.success(), "{printed}");
    assert!(printed.contains("players=12 ") && printed.contains(" wrong=0 "), "{printed}");
    parts.end();
    hub.end(Ending::Drained);
}

/// A hub in this process.
struct HubThread {
    end: oneshot::Sender<Ending>,
    thread: JoinHandle<()>,
}

enum Ending {
    /// Nothing is saved, and nobody is told.
    Killed,
    Drained,
}

impl HubThread {
    fn start(place: &Place, address: &str) -> Self {
        let data = place.folder.path().join("hub").display().to_string();
        let (address, (end, ended)) = (address.to_owned(), oneshot::channel());
        let (started, starts) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let (hub, env) = hub(&data, &address).await;
                started.send(()).unwrap();
                match ended.await.unwrap() {
                    Ending::Killed => env.kill(),
                    Ending::Drained => hub.shutdown().await,
                }
            });
        });
        starts.recv().unwrap();
        Self { end, thread }
    }

    fn end(self, how: Ending) {
        assert!(self.end.send(how).is_ok());
        self.thread.join().unwrap();
    }
}

async fn hub(data: &str, address: &str) -> (RunningApp, Env) {
    let env = Env::real();
    let start = || {
        let config = Config::builder().set("app.id", "demo.w1.hub.1").set("link.listen", address);
        let config = config.set("hub.data", data).build().unwrap();
        App::with(config).component(Hub::default()).env(env.clone()).start()
    };
    let mut last = None;
    // The one that was killed gives back its file and its address when its last task has ended.
    for _ in 0..200 {
        match Box::pin(start()).await {
            Ok(hub) => return (hub, env),
            Err(error) => last = Some(error),
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the hub does not start: {last:?}");
}
