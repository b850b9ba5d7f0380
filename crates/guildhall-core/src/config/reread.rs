//! Reads the settings again from their files, and reports the changes.

use std::collections::BTreeMap;

use super::layers::{Node, Tree};
use super::{Config, ConfigError};

impl Config {
    /// Reads the files again; a document, environment, flags and what the program has set stay. This configuration does not change. What
    /// sections there are is known already: see [`Config::check_unclaimed`].
    ///
    /// Blocks: to be called where that may be.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn reread(&self) -> Result<Self, ConfigError> {
        let config = self.0.sources.read()?;
        config.0.claimed.lock().clone_from(&self.0.claimed.lock());
        Ok(config)
    }

    /// The keys that were set to something else than in `before`, or in one of the two only, sorted.
    pub fn changed_since(&self, before: &Self) -> Vec<String> {
        let (new, old) = (self.values(), before.values());
        let keys = new.iter().filter(|(key, value)| old.get(*key) != Some(value));
        let gone = old.keys().filter(|key| !new.contains_key(*key));
        let mut keys: Vec<_> = keys.map(|(key, _)| key).chain(gone).cloned().collect();
        keys.sort();
        keys
    }

    fn values(&self) -> BTreeMap<String, String> {
        let mut values = BTreeMap::new();
        flatten(&self.0.given, "", &mut values);
        values
    }
}

fn flatten(tree: &Tree, prefix: &str, into: &mut BTreeMap<String, String>) {
    for (key, node) in tree {
        let key = format!("{prefix}{key}");
        match node {
            Node::Table(tree, _) => flatten(tree, &format!("{key}."), into),
            Node::Value(value) => drop(into.insert(key, value.toml.to_string())),
        }
    }
}
