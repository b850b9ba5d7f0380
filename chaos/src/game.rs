//! What runs have in common: programs, a cluster, players who are in the game, and the store at the end.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
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
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::history::{Final, History};
use crate::line::Line;
use crate::player::{Player, World};
use crate::wires::WORLD;

/// Players who come into the game at a time.
const AT_A_TIME: usize = 32;
/// How long it may take, when all is well again, until every player is served.
const SETTLE_MAX: Duration = Duration::from_secs(60);
/// How long transfers may be on their way then.
const ARRIVE_MAX: Duration = Duration::from_secs(30);

/// A game with its players.
pub(crate) struct Game {
    /// The URL of the store.
    store: String,
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

impl Ended {
    /// Money that came from nowhere, or is gone: what has been on its way for so long does not arrive any more.
    pub(crate) fn balance_error(&self) -> i64 {
        self.audit.balances - self.audit.granted
    }
}

impl Game {
    /// Lets all players in, by these gates.
    pub(crate) async fn begin(
        mint: &Mint,
        gates: &[String],
        store: &str,
        players: u64,
        pause_ms: u64,
        seed: u64,
    ) -> Result<Self> {
        let env = Env::real();
        let names: Vec<_> = (1..=players).map(|number| format!("p{number}")).collect();
        let gates = Arc::new(gates.to_vec());
        let world = Arc::new(World {
            env: env.clone(),
            begun: Instant::now(),
            players: names.clone(),
            pause_ms,
            over: AtomicBool::new(false),
        });
        let mut made = Vec::new();
        for (number, name) in names.iter().enumerate() {
            let token = mint.token(name, name, env.wall()).map_err(|e| anyhow::anyhow!("{e}"))?;
            let line = Line::new(env.clone(), Arc::clone(&gates), number, token);
            made.push(Player::new(&world, number, seed, line));
        }
        let entering = stream::iter(&made).map(Player::enter).buffer_unordered(AT_A_TIME);
        let entered: Vec<_> = entering.collect().await;
        if let Some(status) = entered.into_iter().find_map(Result::err) {
            anyhow::bail!("a player cannot come into the game: {status}");
        }
        Ok(Self { store: store.to_owned(), world, players: made })
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
        let config = Config::builder().set("app.id", format!("{WORLD}audit.1"));
        let config = config.set("app.store", &*self.store).build()?;
        let app = guildhall_backends::all().into_iter().fold(App::with(config), App::plugin);
        let app = app.table::<RoleStateEntity>();
        let app = Box::pin(app.start()).await.map_err(|e| anyhow::anyhow!("{e}"))?;
        let end = Instant::now() + ARRIVE_MAX;
        let (roles, found) = loop {
            let roles = audit::rows(&app.cx()).await;
            let roles = roles.map_err(|e| anyhow::anyhow!("the store cannot be read: {e}"))?;
            let found = audit::audit(&roles);
            if found.on_the_way == 0 || Instant::now() > end {
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
}

/// Where a run has its data and logs: it goes when the run is over, unless somebody has to look for what went wrong.
pub(crate) async fn in_folder<F>(keep: bool, run: impl FnOnce(PathBuf) -> F) -> Result<ExitCode>
where
    F: Future<Output = Result<u8>>,
{
    let folder = tempfile::Builder::new().prefix("chaos-").tempdir();
    let folder = folder.context("make a temporary folder")?;
    let code = run(folder.path().to_owned()).await;
    if keep || !matches!(code, Ok(0)) {
        eprintln!("logs: {}", folder.keep().display());
    }
    code.map(ExitCode::from)
}

/// What makes the tokens of players, with its keys in a folder.
pub(crate) fn mint(keys: &Path) -> Result<Mint> {
    let login = LoginConfig { keys: keys.display().to_string(), ..LoginConfig::default() };
    Mint::open(&Env::real(), &login).map_err(anyhow::Error::msg)
}

async fn look_until(player: &mut Player, end: Instant) -> bool {
    loop {
        let served = player.look().await;
        if served || Instant::now() > end {
            return served;
        }
    }
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
