//! What the game runs on: a hub, or servers of vendors, which chaos starts with data of their own.

use std::str::FromStr;

use servers::Recipe;

/// Servers whose plugins grant leases and have a discovery.
const LEADERS: [&str; 5] = ["consul", "etcd", "nats", "postgres", "redis"];
/// Servers whose plugins have a store.
const STORES: [&str; 3] = ["mysql", "postgres", "redis"];
/// Servers whose plugins have a broker.
const BROKERS: [&str; 3] = ["nats", "postgres", "redis"];

/// What the game runs on.
#[derive(Clone, Debug)]
pub(crate) enum On {
    Hub,
    /// By their names. The first one grants leases, the last one has the store.
    Servers(Vec<&'static Recipe>),
}

impl FromStr for On {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "hub" {
            return Ok(Self::Hub);
        }
        let known = |name: &str| {
            let mut all = servers::ALL.iter().copied().chain([&servers::CONSUL]);
            let found = all.find(|recipe| recipe.name == name);
            found.ok_or_else(|| format!("there is no server `{name}`"))
        };
        let recipes = text.split('+').map(known).collect::<Result<Vec<_>, _>>()?;
        let schemes: Vec<_> =
            guildhall_backends::all().iter().flat_map(|plugin| plugin.schemes()).collect();
        let scheme = |recipe: &Recipe| (recipe.url)("").split(':').next().map(str::to_owned);
        let has_plugin = |recipe: &&Recipe| {
            scheme(recipe).is_some_and(|s| schemes.iter().any(|scheme| **scheme == s))
        };
        match recipes[..] {
            [first, ..] if !LEADERS.contains(&first.name) => {
                let (first, leaders) = (first.name, LEADERS.join(", "));
                Err(format!("`{first}` grants no leases; first comes one of {leaders}"))
            }
            [.., last] if !STORES.contains(&last.name) => {
                let (last, stores) = (last.name, STORES.join(", "));
                Err(format!("`{last}` is no store; last comes one of {stores}"))
            }
            _ if !recipes.iter().all(has_plugin) => {
                Err("this was built without their plugins: --features vendors".to_owned())
            }
            _ => match recipes.iter().find(|recipe| !recipe.is_installed()) {
                Some(recipe) => Err(format!("`{}` needs {}", recipe.name, recipe.package)),
                None => Ok(Self::Servers(recipes)),
            },
        }
    }
}

impl On {
    /// The names of its processes.
    pub(crate) fn cast(&self) -> Vec<String> {
        match self {
            Self::Hub => vec!["hub.1".to_owned()],
            Self::Servers(recipes) => {
                recipes.iter().map(|recipe| format!("{}.1", recipe.name)).collect()
            }
        }
    }

    /// How its servers run; none for a hub.
    pub(crate) fn recipes(&self) -> &[&'static Recipe] {
        match self {
            Self::Hub => &[],
            Self::Servers(recipes) => recipes,
        }
    }

    /// The URL of the `n`-th of its processes at an address.
    pub(crate) fn url(&self, n: usize, address: &str) -> String {
        match self {
            Self::Hub => format!("hub://{address}"),
            Self::Servers(recipes) => (recipes[n].url)(address),
        }
    }

    /// The settings of an app that reaches its processes by these URLs.
    pub(crate) fn settings(&self, urls: &[String]) -> Vec<String> {
        let (first, last) = (urls.first(), urls.last());
        let broker = match self {
            Self::Hub => first,
            Self::Servers(recipes) => {
                let mut named = urls.iter().zip(recipes);
                named.find(|(_, recipe)| BROKERS.contains(&recipe.name)).map(|(url, _)| url)
            }
        };
        let seams = [("discovery", first), ("leases", first), ("broker", broker), ("store", last)];
        let set = seams.into_iter().filter_map(|(seam, url)| Some(format!("app.{seam}={}", url?)));
        set.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_server_grants_leases_and_the_last_one_is_the_store() {
        let on = On::Servers(vec![&servers::ETCD, &servers::REDIS]);
        let settings = on.settings(&["etcd://a".into(), "redis://b".into()]);
        let wanted =
            ["discovery=etcd://a", "leases=etcd://a", "broker=redis://b", "store=redis://b"];
        assert_eq!(settings, wanted.map(|setting| format!("app.{setting}")));
        for right in ["consul+postgres", "etcd+redis"] {
            let on = right.parse::<On>();
            assert!(!on.is_err_and(|why| why.contains("there is no") || why.contains("grants no")));
        }
        for wrong in ["", "mysql", "nats", "mysql+postgres", "hub+redis", "nats+oracle"] {
            assert!(wrong.parse::<On>().is_err(), "{wrong}");
        }
    }
}
