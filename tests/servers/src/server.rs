//! [`Server`]: a server as a process, with its data in a temporary folder.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use guildhall_testkit::process::{PATIENCE, free_ports};

use crate::{PASSWORD, Recipe};

/// Runs the server until its standard input ends, which it does however this program ends; then removes its folder, unless a line has
/// come before the end.
const UNTIL_THE_END: &str = r#"
    sh -c "$4" run "$1" "$2" "$3" >>"$2/log" 2>&1 </dev/null &
    pid=$!
    echo $pid
    read -r keep
    kill -CONT $pid $(pgrep -P $pid) 2>/dev/null
    kill -"$5" $pid 2>/dev/null
    ( sleep 20; kill -KILL $pid ) >/dev/null 2>&1 &
    timer=$!
    wait $pid 2>/dev/null
    kill $timer 2>/dev/null
    sh -c "$6" after "$1" "$2" "$3" >>"$2/log" 2>&1
    [ -n "$keep" ] || rm -rf "$2"
"#;

/// How long a server may take to listen: RabbitMQ takes a minute where four processes want each core.
const STARTS: Duration = Duration::from_secs(180);

/// A server of its own, which runs or not. It and its data end with this value.
#[derive(Debug)]
pub struct Server {
    recipe: &'static Recipe,
    port: u32,
    folder: PathBuf,
    run: String,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    script: Child,
    /// Its end ends the server.
    stdin: Option<ChildStdin>,
    pid: u32,
}

impl Server {
    /// Makes data for a server. It does not run yet.
    pub fn new(recipe: &'static Recipe) -> Self {
        Self::within(recipe, &std::env::temp_dir())
    }

    /// As [`Server::new`], with its data in a folder of this folder, which may be a disk of its own.
    pub fn within(recipe: &'static Recipe, folder: &std::path::Path) -> Self {
        let mut make = recipe.command("mktemp");
        let folder = make.arg("-d").arg("-p").arg(folder).arg("guildhall.XXXXXX").output();
        let folder = PathBuf::from(String::from_utf8(folder.unwrap().stdout).unwrap().trim());
        let port = free_ports(recipe.ports).start;
        let server = Self { recipe, port, folder, run: recipe.run.to_owned(), running: None };
        let made = server.shell(&format!("set -e\n{}", recipe.make)).output().unwrap();
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "{} made no data: {said}", recipe.name);
        server
    }

    /// With further arguments for its program, as a shell has them.
    #[must_use]
    pub fn with(mut self, arguments: &str) -> Self {
        self.run = format!("{} {arguments}", self.run.trim_end());
        self
    }

    /// The folder of its data, in which it has `log` too.
    pub fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    /// Starts it, and waits until it accepts connections.
    pub fn start(&mut self) {
        let mut run = self.shell(UNTIL_THE_END);
        let mut script = run
            .args([&self.run, self.recipe.stop, self.recipe.after])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, mut pid) = (script.stdin.take(), String::new());
        BufReader::new(script.stdout.take().unwrap()).read_line(&mut pid).unwrap();
        self.running = Some(Running { script, stdin, pid: pid.trim().parse().unwrap() });
        let end = Instant::now() + STARTS;
        while TcpStream::connect(self.address()).is_err() {
            let log = || std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(Instant::now() < end, "{} does not listen: {}", self.recipe.name, log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it in good order and waits until it has ended. Its data stays.
    pub fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let mut stdin = running.stdin.take().unwrap();
            // It may have been killed.
            let _ended = stdin.write_all(b"keep\n");
            drop(stdin);
            running.script.wait().unwrap();
        }
    }

    /// Kills it and all its processes, and waits until they have ended. Its data stays.
    pub fn kill(&mut self) {
        self.signal("KILL");
        self.stop();
    }

    /// Sends a signal to it and to the processes that it has started: `STOP`, `CONT`. After `STOP`, all of them stand still.
    pub fn signal(&self, signal: &str) {
        let pid = self.running.as_ref().expect("it runs").pid.to_string();
        if signal == "STOP" {
            // First of all, as it may be about to start another one.
            self.send("kill -STOP $1", &pid);
            self.wait_until_stands(&pid);
        }
        // One of them may just have ended.
        self.send(&format!("kill -{signal} $1 $(pgrep -P $1) 2>/dev/null || kill -0 $1"), &pid);
        if signal == "STOP" {
            let children = self.recipe.command("pgrep").args(["-P", &pid]).output().unwrap().stdout;
            let children = String::from_utf8(children).unwrap();
            children.split_whitespace().for_each(|pid| self.wait_until_stands(pid));
        }
    }

    fn send(&self, command: &str, pid: &str) {
        let sent = self.recipe.command("sh").args(["-c", command, "sh", pid]).status();
        assert!(sent.unwrap().success(), "`{command}` did not reach {}", self.recipe.name);
    }

    /// On a busy machine, threads go on until the one that takes the signal has run.
    fn wait_until_stands(&self, pid: &str) {
        let end = Instant::now() + PATIENCE;
        while !stands(pid) {
            assert!(Instant::now() < end, "{} does not stop", self.recipe.name);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether it was started, and neither stopped nor killed since.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Its address.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its URL, without options.
    pub fn url(&self) -> String {
        (self.recipe.url)(&self.address())
    }

    /// A shell that runs this with the arguments of a recipe.
    fn shell(&self, command: &str) -> std::process::Command {
        let programs = self.recipe.programs().expect("it is installed");
        let mut shell = self.recipe.command("sh");
        shell
            .env("PASSWORD", PASSWORD)
            .env("PROGRAM", self.recipe.program)
            .args(["-c", command, "sh"]);
        shell.arg(programs).arg(&self.folder).arg(self.port.to_string());
        shell
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        let _gone = self.recipe.command("rm").arg("-rf").arg(&self.folder).status();
    }
}

/// Whether all threads of a process are stopped, or have ended.
fn stands(pid: &str) -> bool {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let stands = |stat: String| {
        let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        matches!(state, Some('T' | 't' | 'Z' | 'X') | None)
    };
    let mut stats = tasks.map(|task| std::fs::read_to_string(task.path().join("stat")));
    stats.all(|stat| stat.map_or(true, stands))
}

/// The server of this recipe that the tests of this program share which do not disturb it.
pub fn shared(recipe: &'static Recipe) -> &'static Server {
    static SHARED: OnceLock<Mutex<BTreeMap<&str, &'static Server>>> = OnceLock::new();
    let mut shared = SHARED.get_or_init(Mutex::default).lock().unwrap();
    shared.entry(recipe.name).or_insert_with(|| {
        let mut server = Server::new(recipe);
        server.start();
        // It lives as long as the program: its end, and not a drop, ends the server.
        Box::leak(Box::new(server))
    })
}
