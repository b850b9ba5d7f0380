//! What runs have in common: programs, a cluster, players who are in the game, and the store at the end.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use demo::audit::{self, Audit};
use demo::login::{LoginConfig, Mint};
use demo::proto::role::RoleStateEntity;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;
use guildhall::{App, Config, Env};
use guildhall_hub::Hub;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::cluster::{Cluster, Shape};
use crate::history::{Final, History};
use crate::line::Line;
use crate::player::{Player, World};
use crate::programs::Programs;
use crate::wires::WORLD;

/// Players who come into the game at a time.
const AT_A_TIME: usize = 32;
/// How long it may take, when all is well again, until every player is served.
const SETTLE_MAX: Duration = Duration::from_secs(60);
/// How long transfers may be on their way then.
const ARRIVE_MAX: Duration = Duration::from_secs(30);

/// A game with its players.
pub(crate) struct Game {
    pub(crate) folder: TempDir,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) world: Arc<World>,
    pub(crate) players: Vec<Player>,
}

/// How a game ended.
pub(crate) struct Ended {
    pub(crate) histories: Vec<History>,
    pub(crate) finals: BTreeMap<String, Final>,
    pub(crate) audit: Audit,
    /// Players who were not served any more.
    pub(crate) unserved: usize,
    pub(crate) at: Duration,
}

impl Game {
    /// Starts, and lets all players in.
    pub(crate) async fn begin(
        folder: TempDir,
        programs: &Programs,
        shape: &Shape,
        players: usize,
        pause_ms: u64,
        seed: u64,
    ) -> Result<Self> {
        let env = Env::real();
        let keys = folder.path().join("keys");
        let login = LoginConfig { keys: keys.display().to_string(), ..LoginConfig::default() };
        let mint = Mint::open(&env, &login).map_err(anyhow::Error::msg)?;
        let cluster = match Cluster::start(shape, programs, folder.path(), &keys).await {
            Ok(cluster) => cluster,
            Err(error) => {
                eprintln!("logs: {}", folder.keep().display());
                return Err(error);
            }
        };
        let names: Vec<_> = (1..=players).map(|number| format!("p{number}")).collect();
        let gates = Arc::new(cluster.gates.clone());
        let begun = Instant::now();
        let world = World {
            env: env.clone(),
            begun,
            players: names.clone(),
            pause_ms,
            over: AtomicBool::new(false),
        };
        let world = Arc::new(world);
        let mut made = Vec::new();
        for (number, name) in names.iter().enumerate() {
            let token = mint.token(name, name, env.wall()).map_err(|e| anyhow::anyhow!("{e}"))?;
            let line = Line::new(env.clone(), Arc::clone(&gates), number, token);
            made.push(Player::new(&world, number, seed, line));
        }
        let entering = stream::iter(&made).map(Player::enter).buffer_unordered(AT_A_TIME);
        let entered: Vec<_> = entering.collect().await;
        if let Some(status) = entered.into_iter().find_map(Result::err) {
            eprintln!("logs: {}", folder.keep().display());
            anyhow::bail!("a player cannot come into the game: {status}");
        }
        Ok(Self { folder, cluster: Arc::new(cluster), world, players: made })
    }

    /// All play until `until` is done.
    pub(crate) async fn play<T>(&mut self, until: impl Future<Output = T>) -> Result<T> {
        let mut playing = JoinSet::new();
        for player in self.players.drain(..) {
            playing.spawn(player.play());
        }
        let result = until.await;
        self.world.over.store(true, Ordering::Relaxed);
        while let Some(player) = playing.join_next().await {
            self.players.push(player.context("a player panicked")?);
        }
        Ok(result)
    }

    /// When all is well again: every player looks at its ledger, and what is on its way arrives.
    pub(crate) async fn settle(&mut self) -> Result<Ended> {
        let end = Instant::now() + SETTLE_MAX;
        let served = join_all(self.players.iter_mut().map(|player| look_until(player, end))).await;
        let unserved = served.into_iter().filter(|served| !served).count();
        let (finals, audit) = self.store().await?;
        let histories = self.players.drain(..).map(Player::history).collect();
        Ok(Ended { histories, finals, audit, unserved, at: self.world.begun.elapsed() })
    }

    /// What the store has, when nothing is on its way any more, or nothing more arrives.
    async fn store(&self) -> Result<(BTreeMap<String, Final>, Audit)> {
        let hub = format!("hub://{}", self.cluster.hub);
        let config = Config::builder().set("app.id", format!("{WORLD}audit.1"));
        let config = config.set("app.store", hub).build()?;
        let app = App::with(config).plugin(Hub).table::<RoleStateEntity>();
        let app = Box::pin(app.start()).await.map_err(|e| anyhow::anyhow!("{e}"))?;
        let end = Instant::now() + ARRIVE_MAX;
        let (roles, found) = loop {
            let roles = audit::rows(&app.cx()).await;
            let roles = roles.map_err(|e| anyhow::anyhow!("the store cannot be read: {e}"))?;
            let found = audit::audit(&roles);
            if found.pending == 0 || Instant::now() > end {
                break (roles, found);
            }
            sleep(Duration::from_millis(300)).await;
        };
        app.shutdown().await;
        let finals = roles.into_iter().map(|(player, role)| {
            let number = role.purse.map_or(0, |purse| purse.number);
            (player, Final { ledger: role.ledger, number })
        });
        Ok((finals.collect(), found))
    }

    /// Ends all processes. What went wrong can be read in the folder that is returned; otherwise it is removed.
    pub(crate) async fn end(self, keep: bool) -> Option<PathBuf> {
        if let Some(cluster) = Arc::into_inner(self.cluster) {
            cluster.end().await;
        }
        keep.then(|| self.folder.keep())
    }
}

async fn look_until(player: &mut Player, end: Instant) -> bool {
    loop {
        let served = player.look().await;
        if served || Instant::now() > end {
            return served;
        }
    }
}

/// A folder for data and logs, which goes when the run is over and all is well.
pub(crate) fn folder() -> Result<TempDir> {
    tempfile::Builder::new().prefix("chaos-").tempdir().context("make a temporary folder")
}

/// Writes down everything that was asked for.
pub(crate) fn write(folder: &Path, histories: &[History]) -> Result<()> {
    let mut text = String::new();
    for history in histories {
        for record in &history.records {
            let (begun, ended) = (record.begun.as_secs_f64(), record.ended.as_secs_f64());
            let (player, asked, outcome) = (&history.player, &record.asked, &record.outcome);
            writeln!(text, "{player} {begun:.3} {ended:.3} {asked:?} {outcome:?}")?;
        }
    }
    std::fs::write(folder.join("history.log"), text).context("write history.log")
}
