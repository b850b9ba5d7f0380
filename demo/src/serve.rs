//! Builds the demo's app from its configuration.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use guildhall::config::{AppConfig, ConfigBuilder, ConfigError};
use guildhall::gate::{Gate, GateConfig, SESSION, SessionServer};
use guildhall::{Actor as _, App, Config, Cx, StartError};
use serde::{Deserialize, Serialize};

use crate::club::ClubActor;
use crate::club::roles::ClubRoles;
use crate::login::{AccountActor, Login, LoginConfig, PublicKeys};
use crate::needs::Needs;
use crate::online::OnlineActor;
use crate::proto::club::{CLUB, CLUB_ROLE, ClubRoleServer, ClubRoleStateEntity, ClubServer};
use crate::proto::ledger::{LEDGER, LedgerServer};
use crate::proto::login::{ACCOUNT, AccountServer};
use crate::proto::online::{ONLINE, OnlineServer};
use crate::proto::role::{LINES, NAMES, NamesServer, ROLE, RoleServer};
use crate::proto::uid::{UID, UidServer};
use crate::proto::wallet::{WALLET, WalletServer};
use crate::role::{NameActor, RecentLines, RoleActor};
use crate::uid::UidActor;

/// `[demo]`: the parts that this process serves.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DemoConfig {
    /// Parts to serve, all by default: any of `login` (HTTP and accounts), `gate` (client connections), `role` (roles and their
    /// names), `club`, `clubrole` (which role is in which club), `uid` (ids), `online` (sessions, and which players have one).
    pub serve: Vec<String>,
    /// URL from which a gate without `login` in its process gets the public keys before it starts, for its file `gate.jwt.keys`:
    /// `http://host:port/keys` of a login server. Empty: the file exists.
    pub keys: String,
    /// Time that the gate waits for the keys, in ms. Then it starts with those of its previous run.
    pub keys_wait_ms: u64,
    /// Rules of ownership that are switched off, for tests of the test suite: names of `Mutation`.
    #[cfg(feature = "mutations")]
    pub without: Vec<String>,
}

impl Default for DemoConfig {
    fn default() -> Self {
        Self {
            serve: PARTS.map(str::to_owned).into(),
            keys: String::new(),
            keys_wait_ms: 30_000,
            #[cfg(feature = "mutations")]
            without: Vec::new(),
        }
    }
}

const PARTS: [&str; 7] = ["login", "gate", "role", "club", "clubrole", "uid", "online"];

/// Parts of which one app serves all keys, with the settings that say so: one app gives all ids, and one knows who is online.
pub const ONE_SLOT: [(&str, &str); 2] =
    [("uid", "actor.uid.slots"), ("online", "actor.session.slots")];
/// Parts whose actors are always active, from when they are made until they are deleted, with the settings that say so.
pub const ALWAYS_ACTIVE: [(&str, &str); 1] = [("club", "actor.club.resident_rows")];

/// Where nobody says otherwise, the demo listens on loopback and keeps its data in `./data`.
pub fn presets(config: ConfigBuilder) -> ConfigBuilder {
    let config = ONE_SLOT.iter().fold(config, |config, (_, slots)| config.preset(slots, 1));
    let config = ALWAYS_ACTIVE.iter().fold(config, |config, (_, rows)| config.preset(rows, true));
    config
        .preset("app.id", "demo.w1.all.1")
        .preset("app.store", "redb:./data")
        .preset("admin.listen", "127.0.0.1:7090")
        .preset("log.level", "warn")
        .preset("gate.tcp", "127.0.0.1:7000")
        .preset("gate.websocket", "127.0.0.1:7001")
        // The bots all come from this machine.
        .preset("gate.connections_per_address", 20_000)
        .preset("login.connections_per_address", 1024)
        .preset("login.registers_per_address", 60_000)
        // A post goes to everybody, so nobody may post without end.
        .preset("gate.rates", BTreeMap::from([("demo.role.Role/Post", 5)]))
        .preset("gate.jwt.issuer", "guildhall-demo")
        .preset("gate.jwt.audience", "guildhall-demo")
        .preset("gate.jwt.keys", "./data/keys/jwks.json")
}

/// The parts that have addresses.
#[derive(Debug)]
struct Places {
    login: Option<Login>,
    gate: Option<Gate>,
    store: String,
}

/// The app that `config` asks for. When it is ready for players it prints `ready`; before that, where it listens.
///
/// # Errors
/// `demo.serve` names something else.
pub fn app(config: Config) -> Result<App, StartError> {
    let demo: DemoConfig = config.section("demo")?;
    check(&demo.serve)?;
    let serves = |part: &str| demo.serve.iter().any(|serve| serve == part);
    let store = store(&config)?;
    share(&config)?;
    let mut app = with_plugins(config);
    #[cfg(feature = "mutations")]
    for rule in &demo.without {
        app = app
            .without(rule.parse().map_err(|why: String| StartError::setting("demo.without", why))?);
    }
    let mut needs = Needs::default();
    // Before the gate, which reads the keys that it makes.
    let login = serves("login").then(Login::new);
    let gate = serves("gate").then(Gate::new);
    match &login {
        Some(login) => app = app.component(login.clone()),
        None if gate.is_some() && !demo.keys.is_empty() => {
            let wait = Duration::from_millis(demo.keys_wait_ms);
            app = app.component(PublicKeys::new(&demo.keys, wait)?);
        }
        None => {}
    }
    if let Some(gate) = &gate {
        app = app.component(gate.clone());
        needs.for_clients =
            Some((gate.clone(), vec![ROLE.name, LINES.name, LEDGER.name, WALLET.name]));
    }
    for part in &demo.serve {
        app = game(app, part);
        needs.services.extend(calls(part));
    }
    let places = Places { login, gate, store };
    let app = app.health("players", move |cx| needs.check(cx)).on_ready(move |cx| {
        places.print(&cx);
        let env = cx.env().clone();
        env.spawn("ready", ready(cx));
    });
    Ok(app)
}

/// An app that opens whatever its configuration names.
pub(crate) fn with_plugins(config: Config) -> App {
    guildhall_backends::all().into_iter().fold(App::with(config), App::plugin)
}

/// One file may be for all processes: settings of parts that others serve are no mistake.
pub(crate) fn share(config: &Config) -> Result<(), ConfigError> {
    let _: DemoConfig = config.section("demo")?;
    let _: LoginConfig = config.section("login")?;
    let _: GateConfig = config.section("gate")?;
    let roles = [RoleActor::NAME, NameActor::NAME, ClubActor::NAME];
    let others = [AccountActor::NAME, UidActor::NAME, OnlineActor::NAME];
    for actor in roles.iter().chain(&others) {
        config.claim(&format!("actor.{actor}"));
    }
    Ok(())
}

/// Adds the services of a part of the game; `login` and `gate` have components beside, which are not added here.
pub fn game(app: App, part: &str) -> App {
    match part {
        "login" => app.actor::<AccountActor>(AccountServer),
        "role" => RecentLines::serve(app)
            .actor::<RoleActor>((RoleServer, LedgerServer, WalletServer))
            .actor::<NameActor>(NamesServer),
        "club" => app.actor::<ClubActor>(ClubServer),
        "clubrole" => app.table::<ClubRoleStateEntity>().serve(ClubRoleServer::new(ClubRoles)),
        "uid" => app.actor::<UidActor>(UidServer),
        "online" => app.actor::<OnlineActor>((SessionServer, OnlineServer)),
        _ => app,
    }
}

/// The services that a part calls.
fn calls(part: &str) -> Vec<&'static str> {
    match part {
        "login" => vec![ACCOUNT.name, UID.name],
        "gate" => vec![SESSION.name],
        "role" => vec![NAMES.name, UID.name, ONLINE.name, CLUB.name, CLUB_ROLE.name],
        "club" => vec![CLUB_ROLE.name, SESSION.name],
        "clubrole" => vec![CLUB.name, ROLE.name],
        _ => Vec::new(),
    }
}

/// What the configuration calls the store.
fn store(config: &Config) -> Result<String, ConfigError> {
    Ok(AppConfig::read(config)?.store_url().to_owned())
}

fn check(serve: &[String]) -> Result<(), StartError> {
    let known = PARTS.join(", ");
    let why = match serve.iter().find(|part| !PARTS.contains(&part.as_str())) {
        Some(part) => format!("demo.serve: there is no `{part}`; there are {known}"),
        None if serve.is_empty() => format!("demo.serve is empty; name some of {known}"),
        None => return Ok(()),
    };
    Err(StartError::setting("demo.serve", why))
}

impl Places {
    fn print(&self, cx: &Cx) {
        let line = |what: &str, prefix: &str, addr: Option<SocketAddr>| {
            if let Some(addr) = addr {
                say(&format!("{what:<25}{prefix}{addr}"));
            }
        };
        let gate = self.gate.as_ref();
        line("login (HTTP)", "http://", self.login.as_ref().and_then(Login::addr));
        line("gate (TCP)", "tcp://", gate.and_then(Gate::tcp_addr));
        line("gate (WebSocket)", "ws://", gate.and_then(Gate::websocket_addr));
        line("admin (health, metrics)", "http://", cx.admin_addr());
        say(&format!("{:<25}{}", "store", self.store));
    }
}

/// Prints a line. Nobody has to read it.
fn say(line: &str) {
    let _nobody_reads = writeln!(std::io::stdout(), "{line}");
}

/// How often it is looked whether all is there.
const LOOK: Duration = Duration::from_millis(20);
/// How long nothing is said about what is missing.
const PATIENCE: Duration = Duration::from_secs(3);

/// Says so when players can come.
async fn ready(cx: Cx) {
    let env = cx.env();
    let mut patience = Some(env.now() + PATIENCE);
    loop {
        let problems = cx.problems();
        if problems.is_empty() {
            say("ready");
            return;
        }
        if patience.is_some_and(|end| env.now() > end) {
            tracing::warn!("not ready for players: {}", problems.join("; "));
            patience = None;
        }
        env.sleep(LOOK).await;
    }
}
