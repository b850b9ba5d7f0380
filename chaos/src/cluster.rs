//! The game as processes on this machine: a hub or servers, roles, gates, and one for the rest, with wires between them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;
use guildhall_testkit::process::free_addresses;
use servers::Server;
use tokio::sync::Mutex;

use crate::backends::On;
use crate::plan::Cast;
use crate::process::Process;
use crate::program::Program;
use crate::programs::Programs;
use crate::wires::{WORLD, Wires};

/// How long the start of a process may take.
pub(crate) const READY_MAX: Duration = Duration::from_secs(60);
/// How long it may take to end.
pub(crate) const DRAIN_MAX: Duration = Duration::from_secs(30);

/// What a cluster consists of.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) roles: u32,
    pub(crate) gates: u32,
    /// Settings of all apps: `key=value`.
    pub(crate) settings: Vec<String>,
    /// Whether players can have accounts.
    pub(crate) login: bool,
    /// What it runs on.
    pub(crate) on: On,
}

/// A cluster that runs. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) cast: Cast,
    pub(crate) wires: Wires,
    /// By `func.inst`. Who holds one decides what happens to it.
    pub(crate) processes: BTreeMap<String, Arc<Mutex<Process>>>,
    /// Where players connect.
    pub(crate) gates: Vec<String>,
    /// The URL of the store itself, without a wire.
    pub(crate) store: String,
    /// Where players log in.
    pub(crate) login: Option<String>,
    /// Where each process can be asked for its metrics, by its name.
    pub(crate) admins: BTreeMap<String, String>,
}

impl Cluster {
    /// Starts all, with their data and logs in `folder`, and waits until players can come. Tokens are of the keys in `keys`.
    pub(crate) async fn start(
        shape: &Shape,
        programs: &Programs,
        folder: &Path,
        keys: &Path,
    ) -> Result<Self> {
        let wires = Wires::default();
        let names = |func: &str, count| (1..=count).map(|inst| format!("{func}.{inst}")).collect();
        let cast = Cast {
            backends: shape.on.cast(),
            roles: names("role", shape.roles),
            gates: names("gate", shape.gates),
            rest: "rest.1".into(),
        };
        let (admins, addresses) = (BTreeMap::new(), Vec::new());
        let mut maker = Maker { shape, programs, folder, wires: &wires, addresses, admins };
        let mut processes = maker.backends(&cast.backends);
        let store = maker.addresses.len() - 1;
        let store = shape.on.url(store, &maker.addresses[store]);
        let [login] = free_addresses();
        let login = shape.login.then_some(login);
        let (rest, more) = match &login {
            None => (r#"["club", "clubrole", "uid", "online"]"#, Vec::new()),
            Some(listen) => {
                let keys = format!("login.keys={}", keys.display());
                let more = vec![format!("login.listen={listen}"), keys];
                (r#"["login", "club", "clubrole", "uid", "online"]"#, more)
            }
        };
        processes.push(maker.app(&cast.rest, rest, more).await?);
        for name in &cast.roles {
            processes.push(maker.app(name, r#"["role"]"#, Vec::new()).await?);
        }
        let mut gates = Vec::new();
        for name in &cast.gates {
            let [tcp] = free_addresses();
            let keys = keys.join("jwks.json");
            let more = vec![
                format!("gate.tcp={tcp}"),
                "gate.websocket=127.0.0.1:0".into(),
                format!("gate.jwt.keys={}", keys.display()),
            ];
            processes.push(maker.app(name, r#"["gate"]"#, more).await?);
            gates.push(format!("tcp://{tcp}"));
        }
        let named = |process: Process| (process.name().to_owned(), Arc::new(Mutex::new(process)));
        let processes = processes.into_iter().map(named).collect();
        let admins = maker.admins;
        let cluster = Self { cast, wires, processes, gates, store, login, admins };
        cluster.begin().await?;
        Ok(cluster)
    }

    async fn begin(&self) -> Result<()> {
        for name in &self.cast.backends {
            let mut backend = self.process(name)?.lock().await;
            backend.start()?;
            backend.ready(READY_MAX).await?;
        }
        let others = self.processes.iter().filter(|(name, _)| !self.cast.backends.contains(name));
        let start = others.map(|(_, process)| async {
            let mut process = process.lock().await;
            process.start()?;
            process.ready(READY_MAX).await
        });
        try_join_all(start).await.map(drop)
    }

    /// Waits until all serve.
    pub(crate) async fn ready(&self) -> Result<()> {
        for process in self.processes.values() {
            process.lock().await.ready(READY_MAX).await?;
        }
        Ok(())
    }

    pub(crate) fn process(&self, name: &str) -> Result<&Arc<Mutex<Process>>> {
        self.processes.get(name).with_context(|| format!("there is no process {name}"))
    }

    /// Kills all that runs.
    pub(crate) async fn end(&self) {
        for process in self.processes.values() {
            process.lock().await.kill().await;
        }
    }
}

/// Makes processes that are not started yet.
struct Maker<'a> {
    shape: &'a Shape,
    programs: &'a Programs,
    folder: &'a Path,
    wires: &'a Wires,
    /// Of what the game runs on.
    addresses: Vec<String>,
    admins: BTreeMap<String, String>,
}

impl Maker<'_> {
    /// The setting by which a process can be asked for its metrics.
    fn admin(&mut self, name: &str) -> String {
        let [address] = free_addresses();
        self.admins.insert(name.to_owned(), address.clone());
        format!("admin.listen={address}")
    }

    /// What the game runs on: a hub, or servers, which need no program of ours.
    fn backends(&mut self, names: &[String]) -> Vec<Process> {
        let recipes = self.shape.on.recipes();
        if recipes.is_empty() {
            let [listen] = free_addresses();
            self.addresses.push(listen.clone());
            return names.iter().map(|name| self.hub(name, &listen)).collect();
        }
        let made = names.iter().zip(recipes).map(|(name, recipe)| {
            let server = Server::new(recipe);
            self.addresses.push(server.address());
            Process::Server(name.clone(), server)
        });
        made.collect()
    }

    fn hub(&mut self, name: &str, listen: &str) -> Process {
        let args = [
            self.admin(name),
            format!("app.id={WORLD}{name}"),
            format!("link.listen={listen}"),
            "hub.data=./data/hub".into(),
        ];
        self.process(name, self.programs.hub.clone(), args.into())
    }

    async fn app(&mut self, name: &str, serve: &str, more: Vec<String>) -> Result<Process> {
        let [listen] = free_addresses();
        let door = self.wires.door(name, listen.clone()).await?;
        let mut urls = Vec::new();
        for (n, (backend, address)) in self.shape.on.cast().iter().zip(&self.addresses).enumerate()
        {
            let door = self.wires.door_for(name, backend, address.clone()).await?;
            urls.push(self.shape.on.url(n, &door));
        }
        let mut args = self.shape.on.settings(&urls);
        args.extend([
            format!("app.id={WORLD}{name}"),
            "app.workers=1".into(),
            format!("demo.serve={serve}"),
            format!("link.listen={listen}"),
            format!("link.advertise={door}"),
            self.admin(name),
            "log.level=info".into(),
        ]);
        args.extend(more);
        args.extend(self.shape.settings.iter().cloned());
        Ok(self.process(name, self.programs.demo.clone(), args))
    }

    fn process(&self, name: &str, program: PathBuf, settings: Vec<String>) -> Process {
        let args = settings.into_iter().map(|setting| format!("--set={setting}")).collect();
        Process::Program(Program::new(name, program, args, self.folder.to_owned()))
    }
}
