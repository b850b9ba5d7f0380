//! Configuration in layers: defaults < file < a backend's document < environment < flags. Unknown keys are errors that name the nearest key.

mod nearest;
mod layers;
mod section;
mod args;
mod reread;
mod document;

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use document::DOCUMENT_BYTES_MAX;
pub use layers::ConfigBuilder;
use layers::{Node, Sources, Tree, join, merge};
pub use nearest::hint;

/// The settings of one app. Cheap to clone; all clones are the same settings.
///
/// Later sources override earlier ones: the defaults of the section types, the presets of the program, the file, the document that
/// `app.config` names, the environment (`GUILDHALL__LINK__LISTEN`), the flags, and the settings of the program.
///
/// # Examples
/// ```
/// use guildhall_core::config::Config;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Link { listen: String, window: u32 }
/// impl Default for Link {
///     fn default() -> Self { Self { listen: "127.0.0.1:7000".into(), window: 32 } }
/// }
///
/// let config = Config::builder().flag("link.window=64").build()?;
/// let link: Link = config.section("link")?;
/// assert_eq!((link.listen.as_str(), link.window), ("127.0.0.1:7000", 64));
/// config.check_unclaimed()?;
/// # Ok::<(), guildhall_core::config::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Config(Arc<Settings>);

struct Settings {
    /// What the program takes where nobody says otherwise; a section that nobody asks for is no error here.
    presets: Tree,
    given: Tree,
    /// What the files say, of `given`.
    files: Tree,
    claimed: Mutex<BTreeSet<String>>,
    sources: Sources,
}

impl Config {
    /// Makes a builder without any settings.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder::default()
    }

    /// Reads the section `name` (`link`, or `actor.player` for a nested table) over the defaults of `T`, and marks it as known.
    ///
    /// The known keys are the fields of `T`, nested ones included. A field whose default is an empty map accepts any keys. Text from
    /// the environment and from flags is converted to the type of the field.
    ///
    /// # Errors
    /// An unknown key, or a value of another type, with its origin.
    pub fn section<T>(&self, name: &str) -> Result<T, ConfigError>
    where
        T: Serialize + DeserializeOwned + Default,
    {
        self.section_over(name, &T::default())
    }

    /// Reads a section as [`Config::section`] does, over `defaults`.
    ///
    /// # Errors
    /// An unknown key, or a value of another type, with its origin.
    pub fn section_over<T>(&self, name: &str, defaults: &T) -> Result<T, ConfigError>
    where
        T: Serialize + DeserializeOwned,
    {
        let path: Vec<String> = name.split('.').map(str::to_owned).collect();
        self.claim(name);
        let claimed = self.0.claimed.lock();
        let mut settings = self.0.presets.clone();
        merge(&mut settings, self.0.given.clone());
        section::read(&path, find(&settings, &path).as_ref(), defaults, &claimed)
    }

    /// Whether any key of the section `name` is set.
    pub fn is_set(&self, name: &str) -> bool {
        let path: Vec<String> = name.split('.').map(str::to_owned).collect();
        find(&self.0.presets, &path).is_some() || find(&self.0.given, &path).is_some()
    }

    /// Whether any key of the section `name` is set by more than a preset of the program.
    pub fn is_given(&self, name: &str) -> bool {
        let path: Vec<String> = name.split('.').map(str::to_owned).collect();
        find(&self.0.given, &path).is_some()
    }

    /// Marks `name` as a section of its own that is read later, and not a key of the section around it.
    pub fn claim(&self, name: &str) {
        self.0.claimed.lock().insert(name.to_owned());
    }

    /// Checks that all settings belong to known sections. Call it after all sections were read.
    ///
    /// # Errors
    /// A setting of an unknown section: the error names its key, its origin and the nearest section.
    pub fn check_unclaimed(&self) -> Result<(), ConfigError> {
        let claimed = self.0.claimed.lock();
        unclaimed(&self.0.given, "", &claimed).map_or(Ok(()), Err)
    }
}

impl std::fmt::Debug for Config {
    /// Prints no values, because some are secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sections: Vec<_> = self.0.given.keys().collect();
        f.debug_struct("Config").field("given", &sections).finish_non_exhaustive()
    }
}

/// What was set at `path`, in tables or under keys with dots in them: `[limits."game.Role"]` is `limits.game.Role`.
fn find(tree: &Tree, path: &[String]) -> Option<Node> {
    let below = |parts: usize| {
        let node = tree.get(&path[..parts].join("."))?;
        match (node, &path[parts..]) {
            (node, []) => Some(node.clone()),
            (Node::Table(tree, _), rest) => find(tree, rest),
            (Node::Value(_), _) => None,
        }
    };
    // Tables in tables come last and win: environment and flags know no others.
    let found = (1..=path.len()).rev().filter_map(below);
    found.reduce(|mut all, node| {
        join(&mut all, node);
        all
    })
}

fn unclaimed(tree: &Tree, prefix: &str, claimed: &BTreeSet<String>) -> Option<ConfigError> {
    for (key, node) in tree {
        let key = format!("{prefix}{key}");
        let below = format!("{key}.");
        if claimed.contains(&key) {
            continue;
        }
        let holds_sections = claimed.iter().any(|name| name.starts_with(&below));
        match node {
            Node::Table(tree, _) if holds_sections => {
                if let Some(error) = unclaimed(tree, &below, claimed) {
                    return Some(error);
                }
            }
            Node::Table(..) | Node::Value(_) => {
                let hint = nearest::hint(&key, claimed.iter().map(String::as_str));
                let message = format!("unknown section `{key}` {}; {hint}", node.origin());
                return Some(ConfigError { key, message });
            }
        }
    }
    None
}

/// The error of a wrong setting: its key, its origin, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    /// The key, or the file that cannot be read.
    pub key: String,
    message: String,
}
