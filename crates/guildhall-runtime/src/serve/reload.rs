//! Reload: replaces settings and resources of a running app, after all of them were validated.

pub(crate) mod watch;

use std::fmt::Display;
use std::sync::Arc;

use guildhall_core::backend::Opener;
use guildhall_core::config::Config;
use guildhall_core::metrics::Metrics;
use guildhall_core::{Code, Env, StartError, Status};
use tokio::sync::Mutex;

use crate::call::mesh::RouteRules;
use crate::call::service::ServiceTable;
use crate::call::{Core, Cx, Snapshot, Snapshots};
use crate::config::AppConfig;
use crate::serve::document::with_document;
use crate::serve::limits::AllRules;
use crate::serve::resources::{Loader, ResourceConfig, Resources};

/// The result of a reload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// Changed keys of the configuration, and `resources` if the resources were reloaded.
    pub changed: Vec<String>,
    /// Changed keys that have no effect until the app restarts.
    pub needs_restart: Vec<String>,
}

pub(crate) type Hook = Box<dyn Fn(&Cx, &Reloaded) + Send + Sync>;
pub(crate) type Commit = Box<dyn FnOnce() + Send>;
pub(crate) type Prepare = Box<dyn Fn(&Config) -> Result<Commit, String> + Send + Sync>;

/// What an app that does not run yet knows about its reloads.
#[derive(Default)]
pub(crate) struct ReloadSetup {
    loaders: Vec<Loader>,
    sections: Vec<(String, Prepare)>,
    hooks: Vec<Hook>,
}

/// The reloads of an app that runs.
pub(crate) struct Reloads {
    resources: Resources,
    /// One reload at a time.
    state: Mutex<Loaded>,
    sections: Vec<(String, Prepare)>,
    hooks: Vec<Hook>,
}

struct Loaded {
    /// As the app started.
    started: Config,
    /// As the last reload left it.
    present: Config,
    rules: AllRules,
}

impl ReloadSetup {
    pub(crate) fn add_loader(&mut self, loader: Loader) {
        self.loaders.push(loader);
    }

    pub(crate) fn add_hook(&mut self, hook: Hook) {
        self.hooks.push(hook);
    }

    pub(crate) fn add_section(&mut self, section: &str, prepare: Prepare) {
        self.sections.push((section.to_owned(), prepare));
    }

    /// Puts the limits into force and loads the resources.
    pub(crate) async fn open(
        self,
        env: &Env,
        metrics: &Metrics,
        config: &Config,
        services: &ServiceTable,
        snapshots: &Snapshots,
    ) -> Result<Reloads, StartError> {
        let Self { loaders, sections, hooks } = self;
        let paths = services.paths();
        let rules = AllRules::read(config, &paths, env.now(), metrics, &AllRules::default())?;
        let commits = sections.iter().map(|(section, prepare)| {
            prepare(config).map_err(|why| StartError::setting(section.as_str(), why))
        });
        let commits = commits.collect::<Result<Vec<_>, _>>()?;
        let resources = Resources::new(loaders);
        let loaded = resources.load(env, config, snapshots.version() + 1).await;
        if let Some(snapshot) = loaded.map_err(|e| StartError::game(format!("resources: {e}")))? {
            snapshots.publish(snapshot);
        }
        services.guard(|path| rules.guard(path));
        commits.into_iter().for_each(|commit| commit());
        let (started, present) = (config.clone(), config.clone());
        let state = Mutex::new(Loaded { started, present, rules });
        Ok(Reloads { resources, state, sections, hooks })
    }
}

impl Reloads {
    pub(crate) fn has_resources(&self) -> bool {
        !self.resources.is_empty()
    }

    /// `[resources]` as it is now; `last` when it cannot be read, which a reload has said.
    pub(crate) async fn resource_config(&self, last: ResourceConfig) -> ResourceConfig {
        ResourceConfig::of(&self.state.lock().await.present).unwrap_or(last)
    }

    fn is_live(&self, key: &str) -> bool {
        let names = self.sections.iter().map(|(name, _)| name.as_str());
        ["limits", "resources", "route.rules"].into_iter().chain(names).any(|name| is_in(key, name))
    }
}

fn is_in(key: &str, section: &str) -> bool {
    key.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl Reloads {
    /// See [`crate::RunningApp::reload`].
    pub(crate) async fn reload(&self, core: &Arc<Core>) -> Result<Reloaded, Status> {
        let mut state = self.state.lock().await;
        let reloaded = self.reload_all(core, &mut state).await;
        drop(state);
        let reloaded = reloaded.map_err(|why| {
            tracing::error!(why, "reload failed");
            Status::new(Code::FailedPrecondition, format!("nothing was reloaded: {why}"))
        })?;
        self.announce(core, &reloaded);
        Ok(reloaded)
    }

    async fn reload_all(&self, core: &Arc<Core>, state: &mut Loaded) -> Result<Reloaded, String> {
        let before = state.present.clone();
        let read = core.env.blocking(move || before.reread()).await;
        let config = read.ok_or("reading the configuration panicked")?.map_err(text)?;
        let url = AppConfig::read(&state.started).map_err(text)?.config;
        let config = with_document(core.part::<Opener>(), config, &url).await.map_err(text)?;
        config.check_unclaimed().map_err(text)?;
        let (mut changed, needs_restart) =
            (config.changed_since(&state.present), config.changed_since(&state.started));
        changed.retain(|key| self.is_live(key));
        let needs_restart = needs_restart.into_iter().filter(|key| !self.is_live(key)).collect();
        let paths = core.services.paths();
        let now = core.env.now();
        let rules =
            AllRules::read(&config, &paths, now, &core.metrics, &state.rules).map_err(text)?;
        let routes = RouteRules::read(&config, &core.services.descs).map_err(text)?;
        let next = core.snapshots.version() + 1;
        let resources = self.resources.load(&core.env, &config, next).await.map_err(text)?;
        let sections = self.sections.iter();
        let sections = sections.filter(|(name, _)| changed.iter().any(|key| is_in(key, name)));
        let commits = sections.map(|(_, prepare)| prepare(&config));
        let commits = commits.collect::<Result<Vec<_>, _>>()?;
        // From here on nothing fails, and nothing waits.
        core.services.guard(|path| rules.guard(path));
        if changed.iter().any(|key| is_in(key, "route.rules")) {
            core.mesh.set_rules(routes);
        }
        commits.into_iter().for_each(|commit| commit());
        if let Some(snapshot) = resources {
            publish(core, snapshot, &config);
            changed.push("resources".to_owned());
        }
        (state.present, state.rules) = (config, rules);
        Ok(Reloaded { changed, needs_restart })
    }

    /// Loads the resources alone, because their files have changed.
    pub(crate) async fn reload_resources(&self, core: &Arc<Core>) {
        let state = self.state.lock().await;
        let next = core.snapshots.version() + 1;
        match self.resources.load(&core.env, &state.present, next).await {
            Ok(Some(snapshot)) => {
                publish(core, snapshot, &state.present);
                drop(state);
                let changed = vec!["resources".to_owned()];
                self.announce(core, &Reloaded { changed, needs_restart: Vec::new() });
            }
            Ok(None) => {}
            Err(error) => {
                tracing::error!(%error, "resource reload failed; the previous version stays")
            }
        }
    }

    fn announce(&self, core: &Arc<Core>, reloaded: &Reloaded) {
        let Reloaded { changed, needs_restart } = reloaded;
        tracing::info!(?changed, "reloaded");
        if !needs_restart.is_empty() {
            tracing::warn!(?needs_restart, "configuration changed; restart needed");
        }
        let cx = Cx::outside(core);
        self.hooks.iter().for_each(|hook| hook(&cx, reloaded));
    }
}

/// Shows new resources to the calls that begin from now on, and forgets the ones before after a while.
fn publish(core: &Arc<Core>, snapshot: Snapshot, config: &Config) {
    let before = core.snapshots.publish(snapshot);
    let keep = ResourceConfig::of(config).unwrap_or_default().keep_for();
    let (core, env) = (Arc::clone(core), core.env.clone());
    env.clone().spawn("resources-forget", async move {
        env.sleep(keep).await;
        core.snapshots.forget(before);
    });
}

fn text(error: impl Display) -> String {
    error.to_string()
}
