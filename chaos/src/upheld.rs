//! The game as `guildhall up` runs it, and restarts it: nothing is between its processes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use guildhall_testkit::process::{free_addresses, free_ports};
use rustix::process::{Pid, Signal, kill_process};
use servers::Server;
use tokio::process::{Child, Command};
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep, timeout};

use crate::cluster::{DRAIN_MAX, READY_MAX, Shape};
use crate::programs::Programs;
use crate::wires::WORLD;

/// How often it is asked whether all are ready.
const LOOK: Duration = Duration::from_millis(200);
/// How long all of them may take to be restarted.
const RESTART_MAX: Duration = Duration::from_secs(300);

/// A cluster that is up. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Upheld {
    cli: PathBuf,
    /// The cluster file.
    file: PathBuf,
    /// The program of all apps but the hub.
    demo: PathBuf,
    up: Child,
    /// Where players connect.
    pub(crate) gates: Vec<String>,
    /// The URL of the store.
    pub(crate) store: String,
    /// What it runs on, unless that is a hub.
    _servers: Vec<Server>,
}

impl Upheld {
    /// Starts all in `folder`, and waits until players can come. Tokens are of the keys in `keys`.
    pub(crate) async fn start(
        shape: &Shape,
        programs: &Programs,
        folder: &Path,
        keys: &Path,
    ) -> Result<Self> {
        let mut servers: Vec<_> = shape.on.recipes().iter().copied().map(Server::new).collect();
        block_in_place(|| servers.iter_mut().for_each(Server::start));
        let mut addresses: Vec<_> = servers.iter().map(Server::address).collect();
        if addresses.is_empty() {
            addresses.extend(free_addresses::<1>());
        }
        let urls = addresses.iter().enumerate().map(|(n, address)| shape.on.url(n, address));
        let urls: Vec<_> = urls.collect();
        // Gates are numbered from 1.
        let gate = free_ports(shape.gates).start - 1;
        let file = folder.join("cluster.toml");
        let demo = folder.join("demo");
        std::fs::copy(&programs.demo, &demo).context("copy the demo")?;
        let hub = if servers.is_empty() { &*addresses[0] } else { "" };
        let settings = [shape.on.settings(&urls), shape.settings.clone()].concat();
        let text = text(shape, programs, &demo, &keys.join("jwks.json"), hub, &settings, gate);
        std::fs::write(&file, text).context("write the cluster file")?;
        let log = File::create(folder.join("up.log")).context("make up.log")?;
        let mut command = Command::new(&programs.cli);
        command.arg("up").arg(&file).stdin(Stdio::null()).kill_on_drop(true);
        let up = command.stdout(log.try_clone()?).stderr(log).spawn().context("start guildhall")?;
        let gates = (1..=shape.gates).map(|inst| format!("tcp://127.0.0.1:{}", gate + inst));
        let (cli, gates) = (programs.cli.clone(), gates.collect());
        let store = urls.last().cloned().unwrap_or_default();
        let hubs = u32::from(servers.is_empty());
        let upheld = Self { cli, file, demo, up, gates, store, _servers: servers };
        upheld.ready(1 + hubs + shape.roles + shape.gates).await?;
        Ok(upheld)
    }

    async fn ready(&self, count: u32) -> Result<()> {
        let end = Instant::now() + READY_MAX;
        loop {
            let told = self.guildhall(&["status", "--json", "--cluster"], LOOK * 20).await;
            let told = told.map(|told| String::from_utf8_lossy(&told.stdout).into_owned());
            let ready = told.map_or(0, |told| told.matches("\"state\": \"ready\"").count());
            if u32::try_from(ready)? == count {
                return Ok(());
            }
            ensure!(Instant::now() < end, "{ready} of {count} are ready in time; see up.log");
            sleep(LOOK).await;
        }
    }

    /// Restarts all apps, one after the other, with these programs.
    pub(crate) async fn restart(&self, programs: &Programs) -> Result<()> {
        let new = self.demo.with_extension("new");
        std::fs::copy(&programs.demo, &new).context("copy the demo")?;
        // In one step: what runs stays as it is.
        std::fs::rename(&new, &self.demo).context("replace the demo")?;
        let told = self.guildhall(&["up", "restart", "--rolling"], RESTART_MAX).await?;
        eprint!("{}{}", text_of(&told.stdout), text_of(&told.stderr));
        ensure!(told.status.success(), "guildhall up restart --rolling: {}", told.status);
        Ok(())
    }

    async fn guildhall(&self, args: &[&str], within: Duration) -> Result<Output> {
        let mut command = Command::new(&self.cli);
        command.args(args).arg(&self.file).stdin(Stdio::null()).kill_on_drop(true);
        let told = timeout(within, command.output()).await;
        told.with_context(|| format!("guildhall {}: no end in {within:?}", args.join(" ")))?
            .context("start guildhall")
    }

    /// Ends all.
    pub(crate) async fn end(mut self) -> Result<()> {
        let id = self.up.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(id) = id {
            // It is ours until it was waited for.
            let _gone = kill_process(id, Signal::TERM);
        }
        let Ok(status) = timeout(DRAIN_MAX * 2, self.up.wait()).await else {
            bail!("guildhall up did not end after SIGTERM")
        };
        ensure!(status?.success(), "guildhall up did not end in order");
        Ok(())
    }
}

fn text_of(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// The cluster file.
fn text(
    shape: &Shape,
    programs: &Programs,
    demo: &Path,
    keys: &Path,
    hub: &str,
    settings: &[String],
    gate: u32,
) -> String {
    let Shape { roles, gates, .. } = shape;
    let after = if hub.is_empty() { "" } else { r#""hub""# };
    let settings: String =
        settings.iter().map(|setting| format!("\n    '--set={setting}',")).collect();
    let app = |name: &str, count: u32, serve: &str, more: &str| {
        format!(
            r#"
[apps.{name}]
count = {count}
after = [{after}]
args = [
    '--set=app.workers=1',
    '--set=link.listen=127.0.0.1:0',
    '--set=admin.listen=127.0.0.1:0',
    '--set=log.level=info',
    '--set=demo.serve=[{serve}]',{more}{settings}
]
"#
        )
    };
    let gate = format!(
        r"
    '--set=gate.tcp=127.0.0.1:{{{gate}+inst}}',
    '--set=gate.websocket=127.0.0.1:0',
    '--set=gate.jwt.keys={}',",
        keys.display(),
    );
    let the_hub = format!(
        "[apps.hub]\ncommand = '{}'\nargs = ['--set=link.listen={hub}', '--set=hub.data=./data/hub']\n",
        programs.hub.display(),
    );
    [
        format!(
            "command = '{}'\nargs = ['--set=app.id={WORLD}{{app}}.{{inst}}']\n",
            demo.display()
        ),
        if hub.is_empty() { String::new() } else { the_hub },
        app("role", *roles, r#""role""#, ""),
        app("rest", 1, r#""club", "clubrole", "uid", "online""#, ""),
        app("gate", *gates, r#""gate""#, &gate),
    ]
    .concat()
}
