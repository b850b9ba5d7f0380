//! The program as people run it, with ports and folders of its own.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use guildhall_testkit::process::{PATIENCE, Program, free_addresses};
use serde_json::Value;
use tempfile::TempDir;

/// Starts the demo in a folder.
pub(crate) fn demo(folder: &Path, args: &[String]) -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    Program::start(command.args(args).current_dir(folder).env("RUST_LOG", "warn"))
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
        let mut program = demo(self.folder.path(), &self.settings(more));
        program.wait_for("ready");
        program
    }

    pub(crate) fn bots(&self, args: &[&str]) -> Program {
        let mut all = self.settings(&[]);
        all.push("bots".into());
        all.extend(args.iter().map(|&arg| arg.to_owned()));
        demo(self.folder.path(), &all)
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

    pub(crate) fn admin_addr(&self) -> &str {
        &self.admin
    }

    pub(crate) fn tcp(&self) -> String {
        format!("tcp://{}", self.tcp)
    }

    pub(crate) fn websocket(&self) -> String {
        format!("ws://{}", self.websocket)
    }
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
    let is_chunked = head.to_lowercase().contains("transfer-encoding: chunked");
    let body = if is_chunked { chunks(body) } else { body.to_owned() };
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body)
}

/// The chunks of a body, joined.
fn chunks(mut body: &str) -> String {
    let mut joined = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        joined.push_str(&rest[..length]);
        body = &rest[length + 2..];
    }
    joined
}
