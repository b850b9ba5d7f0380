//! The program as people run it, with ports and folders of its own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Longer means that it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that runs; dropping it kills it.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
    printed: String,
}

impl Program {
    pub(crate) fn start(folder: &Path, args: &[String]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
        command.args(args).current_dir(folder).env("RUST_LOG", "warn");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        let streams: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for stream in streams {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let _nobody_waits = sender.send(line);
                }
            });
        }
        Self { child, lines, printed: String::new() }
    }

    /// Waits until it prints a line that begins so.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, begin: &str) {
        let end = Instant::now() + PATIENCE;
        while let Some(line) = self.next_line(end) {
            if line.starts_with(begin) {
                return;
            }
        }
        panic!("it did not print `{begin}`, only:\n{}", self.printed);
    }

    /// Waits until it ends; all that it printed.
    #[track_caller]
    pub(crate) fn finish(mut self) -> (ExitStatus, String) {
        let end = Instant::now() + PATIENCE;
        while self.next_line(end).is_some() {}
        assert!(Instant::now() < end, "it did not end; it printed:\n{}", self.printed);
        let status = self.child.wait().unwrap();
        (status, std::mem::take(&mut self.printed))
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// The most that it has had in memory, in bytes.
    #[cfg(target_os = "linux")]
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() * 1024
    }

    /// As SIGKILL does: nothing is saved, nobody is told.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn next_line(&mut self, end: Instant) -> Option<String> {
        let line = self.lines.recv_timeout(end.saturating_duration_since(Instant::now())).ok()?;
        self.printed.push_str(&line);
        self.printed.push('\n');
        Some(line)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail where it has ended.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// Where a server listens and keeps its data; it may run several times there.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    login: String,
    tcp: String,
    websocket: String,
    admin: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::within(&std::env::temp_dir())
    }

    /// With its data in a folder of this one.
    pub(crate) fn within(folder: &Path) -> Self {
        let [login, tcp, websocket, admin] = free_addresses();
        Self { folder: TempDir::new_in(folder).unwrap(), login, tcp, websocket, admin }
    }

    /// `--set` for all that listens, and `more`.
    pub(crate) fn settings(&self, more: &[&str]) -> Vec<String> {
        let own = [
            format!("login.listen={}", self.login),
            format!("gate.tcp={}", self.tcp),
            format!("gate.websocket={}", self.websocket),
            format!("admin.listen={}", self.admin),
        ];
        let all = own.into_iter().chain(more.iter().map(|&more| more.to_owned()));
        all.map(|set| format!("--set={set}")).collect()
    }

    /// Starts a server and waits until players can come.
    #[track_caller]
    pub(crate) fn serve(&self, more: &[&str]) -> Program {
        let mut program = Program::start(self.folder.path(), &self.settings(more));
        program.wait_for("ready");
        program
    }

    pub(crate) fn bots(&self, args: &[&str]) -> Program {
        let mut all = self.settings(&[]);
        all.push("bots".into());
        all.extend(args.iter().map(|&arg| arg.to_owned()));
        Program::start(self.folder.path(), &all)
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> (u16, Value) {
        let (code, text) = http(&self.login, "POST", path, body);
        (code, serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}")))
    }

    pub(crate) fn login(&self, path: &str, account: &str, password: &str) -> (u16, Value) {
        let body = serde_json::json!({ "account": account, "password": password });
        self.post(path, &body.to_string())
    }

    pub(crate) fn admin(&self, path: &str) -> (u16, String) {
        http(&self.admin, "GET", path, "")
    }

    pub(crate) fn login_addr(&self) -> &str {
        &self.login
    }

    pub(crate) fn tcp(&self) -> String {
        format!("tcp://{}", self.tcp)
    }

    pub(crate) fn websocket(&self) -> String {
        format!("ws://{}", self.websocket)
    }
}

/// Ports of loopback that nobody has, and that connections are not given: those begin above these.
pub(crate) fn free_addresses<const N: usize>() -> [String; N] {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    [(); N].map(|()| {
        loop {
            // Tests that run in other processes begin elsewhere.
            let at = NEXT.fetch_add(1, Ordering::Relaxed) + std::process::id() * 97;
            let address = format!("127.0.0.1:{}", 12_000 + at % 20_000);
            if TcpListener::bind(&address).is_ok() {
                return address;
            }
        }
    })
}

/// One request, on a connection of its own.
pub(crate) fn http(address: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}
