//! A visit to a cluster: this program as an unregistered app without services, with links to all apps.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use guildhall_core::backend::{BuiltIn, without_secrets};
use guildhall_core::config::Config;
use guildhall_core::discovery::{Change, Discovery, DiscoveryError, NodeRecord};
use guildhall_core::{AppId, BoxFuture, Env, Incarnation, Opening, Plugin};
use guildhall_runtime::{App, AppConfig, Cx, LinkConfig, RunningApp};
use tokio::sync::mpsc::Receiver;

use crate::link_news::{LinkNews, Missing};
use crate::up::file::ClusterFile;

/// The file of settings that is read when no flag names one, if it is there.
const DEFAULT_FILE: &str = "guildhall.toml";

/// The cluster file that is read when neither a flag nor that file says where.
pub(crate) const DEFAULT_CLUSTER: &str = "cluster.toml";

/// How often it is looked who has answered.
const LOOK: Duration = Duration::from_millis(5);

/// Which cluster. Without any of these, `guildhall.toml` of this folder says it, or else `cluster.toml`.
#[derive(Debug, clap::Args)]
pub(crate) struct Cluster {
    /// Link addresses of apps (link.listen), separated by commas.
    #[arg(
        long,
        value_name = "HOST:PORT",
        conflicts_with = "discovery",
        help_heading = "Which cluster"
    )]
    app: Option<String>,
    /// URL of the apps' discovery backend (app.discovery or app.cluster).
    #[arg(long, value_name = "URL", help_heading = "Which cluster")]
    discovery: Option<String>,
    /// Configuration of one of the apps: it says where they are, and their secret and env. [default: guildhall.toml, if it is there]
    #[arg(long, value_name = "FILE", help_heading = "Which cluster")]
    config: Option<PathBuf>,
    /// A cluster file, as of `guildhall up`: the settings of its apps say where they are. [default: cluster.toml, if there is one and no guildhall.toml]
    #[arg(long, value_name = "FILE", conflicts_with = "config", help_heading = "Which cluster")]
    cluster: Option<PathBuf>,
    /// Shared secret of the deployment (link.secret). Other users of this machine can see it here; GUILDHALL__LINK__SECRET hides it.
    #[arg(long, help_heading = "Which cluster")]
    secret: Option<String>,
    /// First label of the apps' ids, or the first two (`prod.w2`): calls stay in their world. [default: those of app.id, `dev.w1`]
    #[arg(long, help_heading = "Which cluster")]
    env: Option<String>,
    /// Seconds to wait for apps to answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, help_heading = "Which cluster")]
    wait: u64,
}

/// Links to the apps of a cluster.
pub(crate) struct Visit {
    app: RunningApp,
    discovery: Arc<dyn Discovery>,
    news: LinkNews,
    /// Who should be there and is not.
    pub(crate) missing: Vec<Missing>,
}

/// Where to look, and as whom.
struct Place {
    id: String,
    url: String,
    link: LinkConfig,
}

impl Cluster {
    /// Whether a flag says which cluster.
    pub(crate) fn is_named(&self) -> bool {
        self.says_where() || self.config.is_some() || self.cluster.is_some()
    }

    /// Whether a flag says which cluster, and not by its file.
    pub(crate) fn says_other_than_a_file(&self) -> bool {
        self.says_where() || self.config.is_some()
    }

    /// The cluster file that a flag names.
    pub(crate) fn file(&self) -> Option<&std::path::Path> {
        self.cluster.as_deref()
    }

    fn says_where(&self) -> bool {
        self.app.is_some() || self.discovery.is_some()
    }

    /// Links to all apps that discovery knows. Comes back when each has answered or has been found not to.
    pub(crate) async fn visit(&self) -> Result<Visit> {
        let (env, news) = (Env::real(), LinkNews::listen());
        let place = self.place(&env)?;
        let link = place.link;
        let config = Config::builder()
            .set("app.id", place.id.as_str())
            // Who cannot be reached is named, called or not.
            .set("link.idle_ms", 0)
            .set("link.secret", link.secret)
            .set("link.tls_cert", link.tls_cert)
            .set("link.tls_key", link.tls_key)
            .set("link.tls_ca", link.tls_ca)
            .build()?;
        let (url, id, plugin) = (&place.url, place.id.parse()?, plugin(&place.url)?);
        let looked = async {
            let opening = Opening { env: &env, config: &config, id: &id, url };
            let discovery = plugin.open(opening).await?.discovery;
            let discovery = discovery.with_context(|| format!("{url} is no discovery"))?;
            let expected = expected(&*discovery).await?;
            anyhow::Ok((discovery, expected))
        };
        let deadline = env.now() + Duration::from_secs(self.wait);
        let (discovery, expected) = env.until(deadline, looked).await.with_context(|| {
            let why: String = news.failures().iter().map(|it| format!("\n  {it}")).collect();
            format!("{url} said nothing within {} s: is it running?{why}", self.wait)
        })??;
        let app = App::with(config.clone()).discovery(Arc::new(Unseen(Arc::clone(&discovery))));
        let mut visit = Visit { app: app.start().await?, discovery, news, missing: Vec::new() };
        loop {
            visit.missing = visit.missing(&expected);
            let settled = |missing: &Missing| visit.news.of(&missing.address).is_some();
            if visit.missing.iter().all(settled) || env.now() > deadline {
                return Ok(visit);
            }
            env.sleep(LOOK).await;
        }
    }

    fn place(&self, env: &Env) -> Result<Place> {
        let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
        let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
        let here = |file: &str| std::path::Path::new(file).exists();
        let by_default = self.config.is_none() && !here(DEFAULT_FILE) && here(DEFAULT_CLUSTER);
        let cluster = match &self.cluster {
            Some(file) => Some(file.clone()),
            None if by_default && !self.says_where() => Some(DEFAULT_CLUSTER.into()),
            None => None,
        };
        let config = match (&cluster, &self.config) {
            (Some(file), _) => settings(file, &variables.collect::<Vec<_>>())?,
            (None, Some(file)) => Config::builder().env(variables).file(file).build()?,
            (None, None) => Config::builder().env(variables).optional_file(DEFAULT_FILE).build()?,
        };
        let app = AppConfig::read(&config)?;
        let mut link: LinkConfig = config.section("link")?;
        let of: AppId = app.id.parse().context("app.id")?;
        let place = match &self.env {
            Some(env) if env.contains('.') => env.clone(),
            Some(env) => format!("{env}.{}", of.world()),
            None => format!("{}.{}", of.env(), of.world()),
        };
        let id = format!("{place}.cli.{:08x}", env.random() & 0xffff_ffff);
        let listens = if link.advertise.is_empty() { &link.listen } else { &link.advertise };
        let url = match (&self.app, &self.discovery) {
            (Some(addresses), _) => format!("static:{addresses}"),
            (None, Some(url)) => url.clone(),
            (None, None) if app.discovery_url() != "memory:" => app.discovery_url().to_owned(),
            // It knows nobody but itself, so it is the cluster.
            (None, None) if !listens.is_empty() => format!("static:{listens}"),
            (None, None) => bail!(
                "which cluster? Give --app HOST:PORT of an app's link, --discovery URL, --config FILE of an app, or --cluster FILE of `guildhall up`"
            ),
        };
        if let Some(secret) = &self.secret {
            link.secret.clone_from(secret);
        }
        Ok(Place { id, url, link })
    }
}

impl Visit {
    /// To make calls from.
    pub(crate) fn cx(&self) -> Cx {
        self.app.cx()
    }

    /// The apps that there are links to.
    pub(crate) fn nodes(&self) -> Vec<NodeRecord> {
        let cx = self.cx();
        cx.nodes().into_iter().filter(|node| node.id != *cx.app_id()).collect()
    }

    /// The apps that there are links to; at least one.
    pub(crate) fn some_nodes(&self) -> Result<Vec<NodeRecord>> {
        let nodes = self.nodes();
        if nodes.is_empty() {
            let all: Vec<String> = self.missing.iter().map(Missing::to_string).collect();
            match all.is_empty() {
                true => bail!("no app is registered there"),
                false => bail!("no app answers:\n  {}", all.join("\n  ")),
            }
        }
        Ok(nodes)
    }

    /// The app with this id.
    pub(crate) fn node(&self, id: &AppId) -> Result<NodeRecord> {
        let mut nodes = self.some_nodes()?;
        let ids: Vec<&str> = nodes.iter().map(|node| node.id.as_str()).collect();
        let hint = guildhall_core::config::hint(id.as_str(), ids.iter().copied());
        nodes.retain(|node| node.id == *id);
        nodes.pop().with_context(|| format!("there is no link to the app {id}; {hint}"))
    }

    /// How many links to an app have ended since the visit began.
    pub(crate) fn links_ended(&self, id: &AppId) -> u64 {
        self.news.ended(id)
    }

    /// Whether discovery knows this life of an app. A list of addresses knows nobody.
    pub(crate) async fn is_registered(&self, node: &NodeRecord) -> Result<bool> {
        let known = expected(&*self.discovery).await?;
        let is = |it: &NodeRecord| it.id == node.id && it.incarnation == node.incarnation;
        Ok(known.iter().any(|(_, record)| record.as_ref().is_some_and(is)))
    }

    /// Ends the links, after what was sent on them.
    pub(crate) async fn end(self) {
        self.app.shutdown().await;
    }

    fn missing(&self, expected: &[(String, Option<NodeRecord>)]) -> Vec<Missing> {
        let (nodes, news) = (self.nodes(), &self.news);
        let linked = |address: &str| {
            nodes.iter().any(|node| node.endpoints.get("link").is_some_and(|at| at == address))
                || matches!(news.of(address), Some(Ok(())))
        };
        let missing = expected.iter().filter(|(address, _)| !linked(address));
        let missing = missing.map(|(address, record)| {
            let why = match news.of(address) {
                Some(Err(why)) => why,
                Some(Ok(())) | None => "no answer".to_owned(),
            };
            Missing { record: record.clone(), address: address.clone(), why }
        });
        missing.collect()
    }
}

/// The settings of the app of a cluster file that knows most of the others: one with a discovery, or else one that listens.
fn settings(file: &std::path::Path, variables: &[(String, String)]) -> Result<Config> {
    let cluster = ClusterFile::read(file)?;
    let (mut listens, mut wrong) = (None, None);
    for app in cluster.apps.keys() {
        let config = match cluster.settings(app, variables) {
            Ok(config) => config,
            Err(error) => {
                wrong.get_or_insert(error);
                continue;
            }
        };
        let (of, link): (_, LinkConfig) = (AppConfig::read(&config)?, config.section("link")?);
        if of.discovery_url() != "memory:" {
            return Ok(config);
        }
        if !link.listen.is_empty() {
            listens.get_or_insert(config);
        }
    }
    let shown = file.display();
    let wrong = wrong.map(|error| format!(": {error:#}")).unwrap_or_default();
    listens.with_context(|| format!("{shown}: no app of it says where others find it{wrong}"))
}

/// What opens a URL, by its scheme.
pub(crate) fn plugin(url: &str) -> Result<Arc<dyn Plugin>> {
    let built_in: Arc<dyn Plugin> = Arc::new(BuiltIn);
    let plugins = [vec![built_in], guildhall_backends::all()].concat();
    let scheme = url.split(':').next().unwrap_or_default();
    let known: Vec<&str> = plugins.iter().flat_map(|p| p.schemes()).copied().collect();
    let plugin = plugins.into_iter().find(|plugin| plugin.schemes().contains(&scheme));
    plugin.with_context(|| {
        let (url, known) = (without_secrets(url), known.join(":, "));
        format!(
            "`{url}`: this program knows {known}:; build it with `--features vendors` for all, or give --app HOST:PORT,.."
        )
    })
}

/// The addresses that discovery knows now, with what it says of who lives there.
async fn expected(discovery: &dyn Discovery) -> Result<Vec<(String, Option<NodeRecord>)>> {
    let mut changes = discovery.watch().await?;
    let mut expected = Vec::new();
    while let Some(change) = changes.recv().await {
        match change {
            Change::Put(record) => {
                if let Some(address) = record.endpoints.get("link") {
                    expected.push((address.clone(), Some(record)));
                }
            }
            Change::Probe(address) => expected.push((address, None)),
            Change::Remove(..) => {}
            Change::Synced => break,
        }
    }
    Ok(expected)
}

/// A discovery in which this program looks, but does not register: nothing is to be sent here.
struct Unseen(Arc<dyn Discovery>);

impl Discovery for Unseen {
    fn register<'a>(
        &'a self,
        _node: &'a NodeRecord,
        _ttl: Duration,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn deregister<'a>(
        &'a self,
        _id: &'a AppId,
        _incarnation: Incarnation,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn watch(&self) -> BoxFuture<'_, Result<Receiver<Change>, DiscoveryError>> {
        self.0.watch()
    }
}
