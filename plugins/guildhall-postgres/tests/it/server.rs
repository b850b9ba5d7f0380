//! A PostgreSQL server of this test program, on a spare port of the loopback, with its data in a temporary folder.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use guildhall_core::Env;
use guildhall_postgres::{PostgresStore, Settings};
use guildhall_testkit::process::free_ports;
use guildhall_testkit::skipped;

const REQUIRE: &str = "GUILDHALL_REQUIRE";
/// A deadline that no busy machine misses.
pub(crate) const PATIENT: &str = "&deadline_ms=60000";
const PASSWORD: &str = "not-a-secret";

/// Makes the data of a server; the password comes by the standard input.
const MAKE: &str = r#"
    cat >"$2/password"
    exec "$1/initdb" -U game -A scram-sha-256 --pwfile="$2/password" -E UTF8 --locale=C.UTF-8 -D "$3"
"#;

/// Runs the server until its standard input ends, which it does however this program ends; then removes the folder it was told of.
const RUN: &str = r#"
    "$1/postgres" -D "$2" -p "$3" -c listen_addresses=127.0.0.1 -c unix_socket_directories= >"$2/log" 2>&1 &
    pid=$!
    echo $pid
    read -r _
    kill -CONT $pid
    kill -INT $pid
    wait $pid
    [ -z "$4" ] || rm -rf "$4"
"#;

/// Where the programs of PostgreSQL are: the newest of Debian's, or those of the search path.
fn programs() -> Option<&'static Path> {
    static PROGRAMS: OnceLock<Option<PathBuf>> = OnceLock::new();
    let find = || {
        let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let mut found: Vec<_> = debian.map(|entry| entry.path().join("bin")).collect();
        found.sort_by_key(|path| path.as_os_str().len());
        found.sort();
        let path = std::env::var_os("PATH").unwrap_or_default();
        found.splice(0..0, std::env::split_paths(&path));
        found.into_iter().rev().find(|path| path.join("initdb").is_file())
    };
    PROGRAMS.get_or_init(find).as_deref()
}

/// Whether the test with this name can run; one that cannot is counted as skipped, or fails where a server is required.
pub(crate) fn is_there(test: &str) -> bool {
    if programs().is_some() {
        return true;
    }
    let required = std::env::var(REQUIRE).unwrap_or_default();
    let is_required = required.split(',').any(|name| name == "postgres");
    assert!(!is_required, "{REQUIRE}={required}, and PostgreSQL is not installed here");
    skipped(test, "PostgreSQL is not installed here (apt-get install postgresql)");
    false
}

/// Data of a server, which may run or not.
pub(crate) struct Server {
    port: u32,
    data: PathBuf,
    folder: PathBuf,
    running: Option<Running>,
}

struct Running {
    script: Child,
    /// Its end ends the server.
    stdin: Option<ChildStdin>,
    pid: u32,
}

impl Server {
    /// Makes data for a server. It does not run yet.
    pub(crate) fn new() -> Self {
        let programs = programs().unwrap();
        let folder =
            unprivileged("mktemp").args(["-d", "-t", "guildhall-postgres.XXXXXX"]).output();
        let folder = PathBuf::from(String::from_utf8(folder.unwrap().stdout).unwrap().trim());
        let data = folder.join("data");
        let mut initdb = unprivileged("sh");
        initdb.args(["-c", MAKE, "make"]).args([programs, folder.as_path(), data.as_path()]);
        let mut child = initdb.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "initdb made no database");
        let port = free_ports(1).start;
        Self { port, data, folder, running: None }
    }

    /// Starts it; `keep` leaves the folder when it ends.
    pub(crate) fn start(&mut self, keep: bool) {
        let mut run = unprivileged("sh");
        run.args(["-c", RUN, "run"]).arg(programs().unwrap()).arg(&self.data);
        run.arg(self.port.to_string());
        run.arg(if keep { Path::new("") } else { &self.folder });
        let mut script = run.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, mut pid) = (script.stdin.take(), String::new());
        BufReader::new(script.stdout.take().unwrap()).read_line(&mut pid).unwrap();
        self.running = Some(Running { script, stdin, pid: pid.trim().parse().unwrap() });
    }

    /// Stops it, and waits until it has ended.
    pub(crate) fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            drop(running.stdin.take());
            running.script.wait().unwrap();
        }
    }

    /// Sends a signal to the server: `STOP`, `CONT`, `KILL`. A stopped server's processes for connections go on.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.running.as_ref().unwrap().pid.to_string();
        let sent = unprivileged("kill").args([&format!("-{signal}"), &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// The URL of a place for one store, with further options.
    pub(crate) fn url(&self, schema: &str, options: &str) -> String {
        format!(
            "postgres://game:{PASSWORD}@127.0.0.1:{}/postgres?schema={schema}{options}",
            self.port
        )
    }

    /// A store there.
    pub(crate) fn store(&self, schema: &str, options: &str) -> PostgresStore {
        PostgresStore::new(&Env::real(), Settings::parse(&self.url(schema, options)).unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        // Only where it was kept.
        let _gone = unprivileged("rm").arg("-rf").arg(&self.folder).status();
    }
}

/// The server that tests share which do not disturb it.
pub(crate) fn shared() -> &'static Server {
    static SHARED: OnceLock<Server> = OnceLock::new();
    SHARED.get_or_init(|| {
        let mut server = Server::new();
        server.start(false);
        server
    })
}

/// The name of a schema that no other test has.
pub(crate) fn fresh_schema() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("g{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// PostgreSQL refuses to run as root: then as the user that Debian has made for it.
fn unprivileged(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let mut command = Command::new(if is_root { "setpriv" } else { "env" });
    if is_root {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    }
    command.arg(program).current_dir("/");
    command
}
