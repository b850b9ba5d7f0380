//! Routing by version: selects the calls of a service that go to the apps of one version, before its route applies.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use guildhall_core::config::Config;
use guildhall_core::{Env, KeyText, Model, ServiceDesc, StartError};
use guildhall_wire::Head;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::instances::{Instances, Member};

/// More rules than anybody reads.
const RULES_MAX: usize = 256;

/// What shares are counted in.
const WHOLE: u32 = 1_000_000;

/// `[route]`: routing of the calls of this app, in addition to the options of their methods. The rules may change at a reload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RouteConfig {
    /// Version rules: which calls go to the apps of one version.
    pub rules: Vec<RouteRuleConfig>,
    /// Shortest time between two load reports of an app that serves methods with `route: LEAST_LOAD`, in ms, at least 50. A load that
    /// has changed by half is reported after this time; each renewal of the registration reports it too. Too small: many updates in
    /// discovery. Too large: callers use outdated loads.
    pub load_ms: u64,
}

impl Default for RouteConfig {
    fn default() -> Self {
        Self { rules: Vec::new(), load_ms: 500 }
    }
}

/// `[[route.rules]]`: a version rule. It selects calls of `service` by one of `percent`, `players` or `metadata`, and sends them to
/// the ready apps whose `app.version` is `version`. The first matching rule applies. Calls that match no rule go to apps of versions
/// that no rule of the service names. A rule for a version without a ready app is skipped; if only versions with rules are ready, they
/// get all calls. Only for services without actors: the key of an actor has one owner, whatever its version. Calls to an app by
/// address and casts to all are not affected.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RouteRuleConfig {
    /// Full name of the service: `game.Shop`.
    pub service: String,
    /// The `app.version` of the apps that get the selected calls.
    pub version: String,
    /// Share of the calls, 0 to 100. All calls of one player go to the same version; without a player, all calls of one key.
    pub percent: Option<f64>,
    /// Players whose calls are selected.
    pub players: Vec<String>,
    /// Metadata that selects a call, set by a caller up the call tree with `Cx::with_metadata`: all entries have to match.
    pub metadata: BTreeMap<String, String>,
}

#[allow(clippy::derivable_impls, reason = "docs/config.md shows these defaults")]
impl Default for RouteRuleConfig {
    fn default() -> Self {
        Self {
            service: String::new(),
            version: String::new(),
            percent: None,
            players: Vec::new(),
            metadata: BTreeMap::new(),
        }
    }
}

/// The rules of an app, by the service that they are for.
#[derive(Debug, Default)]
pub(crate) struct RouteRules(BTreeMap<String, Vec<Arc<Rule>>>);

#[derive(Debug)]
struct Rule {
    version: String,
    when: When,
    /// That it is for actors.
    told: AtomicBool,
}

#[derive(Debug)]
enum When {
    /// Of a [`WHOLE`].
    Share(u32),
    Players(BTreeSet<String>),
    Metadata(BTreeMap<String, String>),
}

impl RouteRules {
    /// Reads and checks `[route]`.
    pub(crate) fn read(
        config: &Config,
        services: &[&'static ServiceDesc],
    ) -> Result<Self, StartError> {
        let config: RouteConfig = config.section("route")?;
        if config.load_ms < 50 {
            let why = format!("route.load_ms is {}; it must be at least 50", config.load_ms);
            return Err(StartError::setting("route.load_ms", why));
        }
        if config.rules.len() > RULES_MAX {
            let why = format!("route.rules has {}; at most {RULES_MAX}", config.rules.len());
            return Err(StartError::setting("route.rules", why));
        }
        let mut rules = BTreeMap::<String, Vec<Arc<Rule>>>::new();
        for (nth, rule) in config.rules.into_iter().enumerate() {
            let wrong = |why: String| {
                let key = format!("route.rules[{nth}]");
                let why = format!("{key}{why}");
                StartError::setting(key, why)
            };
            let service = rule.service.clone();
            let own = services.iter().find(|desc| desc.name == service);
            if own.is_some_and(|desc| desc.model == Model::Actor) {
                return Err(wrong(format!(".service is {service}: {FOR_ACTORS}")));
            }
            rules.entry(service).or_default().push(Arc::new(Rule::new(rule).map_err(wrong)?));
        }
        Ok(Self(rules))
    }
}

const FOR_ACTORS: &str = "its calls go to actors, and the key of an actor has one owner, whatever the version; rules are for \
                          services without actors";

impl Rule {
    fn new(config: RouteRuleConfig) -> Result<Self, String> {
        let RouteRuleConfig { service, version, percent, players, metadata } = config;
        if service.is_empty() || version.is_empty() {
            return Err(" needs a service and a version".to_owned());
        }
        let when = match (percent, players.is_empty(), metadata.is_empty()) {
            (Some(percent), true, true) => When::Share(share(percent)?),
            (None, false, true) => When::Players(players.into_iter().collect()),
            (None, true, false) => When::Metadata(metadata),
            _ => return Err(" needs one of percent, players and metadata".to_owned()),
        };
        Ok(Self { version, when, told: AtomicBool::new(false) })
    }

    fn fits(&self, env: &Env, head: Option<&Head>, key: KeyText<'_>) -> bool {
        let player = || Some(head?.session.as_ref()?.player.as_str());
        match &self.when {
            When::Share(share) => {
                // Rules do not share their players: each has its own order of them.
                let at = |text: &str| {
                    let seed = xxh3_64(self.version.as_bytes());
                    xxh3_64_with_seed(text.as_bytes(), seed) % u64::from(WHOLE)
                };
                let random = || env.random_below(u64::from(WHOLE));
                let at = match player() {
                    Some(player) => at(player),
                    None => key.with_text(|key| key.map_or_else(|_| random(), at)),
                };
                at < u64::from(*share)
            }
            When::Players(players) => player().is_some_and(|player| players.contains(player)),
            When::Metadata(wanted) => head.is_some_and(|head| {
                wanted.iter().all(|(name, value)| head.metadata.get(name) == Some(value))
            }),
        }
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 1000000")]
fn share(percent: f64) -> Result<u32, String> {
    match (0.0..=100.0).contains(&percent) {
        true => Ok((percent * f64::from(WHOLE / 100)).round() as u32),
        false => Err(format!(".percent is {percent}; it must be from 0 to 100")),
    }
}

/// The instances of a service, told apart by the versions that rules name.
#[derive(Debug)]
pub(super) struct Versions {
    /// Those whose version is ready, in the order of the rules.
    rules: Vec<(Arc<Rule>, Arc<Instances>)>,
    /// Of versions that no rule names; `None` where none is ready.
    rest: Option<Arc<Instances>>,
}

impl RouteRules {
    /// The services that have rules.
    pub(super) fn services(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Tells apart the `members` of each service that has rules; `actor` says whether it is served by actors.
    pub(super) fn split<'a, 'm: 'a>(
        &self,
        members: impl Fn(&str) -> Option<&'a [Member<'m>]>,
        is_actors: impl Fn(&str) -> bool,
        make: impl Fn(&str, Vec<Member<'m>>) -> Arc<Instances>,
    ) -> HashMap<String, Versions> {
        let mut all = HashMap::new();
        for (service, rules) in &self.0 {
            if is_actors(service) {
                for rule in rules.iter().filter(|rule| !rule.told.swap(true, Ordering::Relaxed)) {
                    let version = &rule.version;
                    tracing::error!(
                        service,
                        version,
                        "a rule of route.rules is not used: {FOR_ACTORS}"
                    );
                }
                continue;
            }
            let Some(members) = members(service) else { continue };
            let some = |is: &dyn Fn(&str) -> bool| {
                let some = members.iter().filter(|(record, _)| is(&record.version)).cloned();
                Some(make(service, some.collect())).filter(|some| some.weight > 0)
            };
            let of = |rule: &Arc<Rule>| Some((Arc::clone(rule), some(&|it| it == rule.version)?));
            let named = |version: &str| rules.iter().any(|rule| rule.version == version);
            let rest = some(&|version| !named(version));
            let rules = rules.iter().filter_map(of).collect();
            all.insert(service.clone(), Versions { rules, rest });
        }
        all
    }
}

impl Versions {
    /// Which of the instances a call is for; `None`: any.
    pub(super) fn of(
        &self,
        env: &Env,
        head: Option<&Head>,
        key: KeyText<'_>,
    ) -> Option<&Arc<Instances>> {
        let ruled = self.rules.iter().find(|(rule, _)| rule.fits(env, head, key));
        ruled.map(|(_, instances)| instances).or(self.rest.as_ref())
    }
}
