//! The layers above the defaults: settings and their sources.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Config, ConfigError, Settings};

/// What variables of the environment begin with.
const ENV_PREFIX: &str = "GUILDHALL__";

/// Settings by key, in tables.
pub(super) type Tree = BTreeMap<String, Node>;

/// A table or a value that somebody set.
#[derive(Clone)]
pub(super) enum Node {
    Table(Tree, Origin),
    Value(Value),
}

#[derive(Clone)]
pub(super) struct Value {
    pub(super) toml: toml::Value,
    /// What was written, where it was plain text and may have meant a string.
    pub(super) text: Option<String>,
    pub(super) origin: Origin,
}

/// Who set it.
#[derive(Clone)]
pub(super) enum Origin {
    File(PathBuf),
    /// Where it is, without secrets.
    Document(String),
    Variable(String),
    Flag(String),
    Program,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "in {}", path.display()),
            Self::Document(name) => write!(f, "in {name}"),
            Self::Variable(name) => write!(f, "in the environment variable {name}"),
            Self::Flag(key) => write!(f, "in the flag `--set {key}=..`"),
            Self::Program => write!(f, "set by the program"),
        }
    }
}

impl Origin {
    /// Whether errors show what was set. A document may be the secret of others than those who read the log.
    pub(super) fn shows_values(&self) -> bool {
        !matches!(self, Self::Document(_))
    }
}

impl Node {
    pub(super) fn origin(&self) -> &Origin {
        match self {
            Self::Table(_, origin) => origin,
            Self::Value(value) => &value.origin,
        }
    }

    pub(super) fn new(toml: toml::Value, text: Option<&str>, origin: &Origin) -> Self {
        match toml {
            toml::Value::Table(table) => {
                let nodes = table.into_iter().map(|(key, v)| (key, Self::new(v, None, origin)));
                Self::Table(nodes.collect(), origin.clone())
            }
            toml => {
                Self::Value(Value { toml, text: text.map(str::to_owned), origin: origin.clone() })
            }
        }
    }

    /// Text that may be a TOML value; what is none is a string.
    fn from_text(text: &str, origin: &Origin) -> Self {
        let toml = text.parse().unwrap_or_else(|_| toml::Value::String(text.to_owned()));
        Self::new(toml, Some(text), origin)
    }
}

/// Collects the layers of a [`Config`]. The order of the calls does not matter between layers; within one, later wins.
#[derive(Default)]
#[must_use = "a builder makes nothing before `build`"]
pub struct ConfigBuilder {
    sources: Sources,
    file: Tree,
    wrong: Option<ConfigError>,
}

/// Where settings come from: what is needed to read the files once more.
#[derive(Clone, Default)]
pub(super) struct Sources {
    presets: Tree,
    /// And whether each must exist.
    files: Vec<(PathBuf, bool)>,
    /// What a backend keeps, as it was read last.
    pub(super) document: Option<Tree>,
    environment: Tree,
    program: Tree,
}

impl Sources {
    /// Reads the files as they are now; everything else stays.
    pub(super) fn read(&self) -> Result<Config, ConfigError> {
        let sources = Self { files: Vec::new(), ..self.clone() };
        let builder = ConfigBuilder { sources, ..ConfigBuilder::default() };
        let read = |builder: ConfigBuilder, (path, required): &(PathBuf, bool)| {
            builder.read(path, *required)
        };
        self.files.iter().fold(builder, read).build()
    }
}

impl ConfigBuilder {
    /// The same settings with another document.
    pub(super) fn over(settings: &Settings, document: Tree) -> Self {
        let sources = Sources { document: Some(document), ..settings.sources.clone() };
        Self { sources, file: settings.files.clone(), wrong: None }
    }

    /// Reads a TOML file, which must exist.
    pub fn file(self, path: impl AsRef<Path>) -> Self {
        self.read(path.as_ref(), true)
    }

    /// Reads a TOML file if there is one.
    pub fn optional_file(self, path: impl AsRef<Path>) -> Self {
        self.read(path.as_ref(), false)
    }

    fn read(mut self, path: &Path, required: bool) -> Self {
        self.sources.files.push((path.to_owned(), required));
        let parsed = match crate::read_text(path) {
            Ok(text) => text.parse::<toml::Table>().map_err(|e| e.to_string()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !required => return self,
            Err(e) => Err(e.to_string()),
        };
        match parsed {
            Ok(table) => {
                let origin = Origin::File(path.to_owned());
                for (key, value) in table {
                    put(&mut self.file, &[&key], Node::new(value, None, &origin));
                }
            }
            Err(why) => {
                let key = path.display().to_string();
                let message = format!("cannot read {key}: {why}");
                self.wrong.get_or_insert(ConfigError { key, message });
            }
        }
        self
    }

    /// Takes the variables that begin with `GUILDHALL__`; two underscores separate the tables: `GUILDHALL__LINK__LISTEN`.
    pub fn env(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        for (name, text) in variables {
            let Some(key) = name.strip_prefix(ENV_PREFIX) else {
                continue;
            };
            let key = key.to_ascii_lowercase().replace("__", ".");
            let origin = Origin::Variable(name.clone());
            self.wrong = self
                .wrong
                .or_else(|| put_text(&mut self.sources.environment, &key, &text, &origin));
        }
        self
    }

    /// Takes a flag `link.listen=127.0.0.1:0`.
    pub fn flag(mut self, flag: &str) -> Self {
        let Some((key, text)) = flag.split_once('=') else {
            let message = format!("the flag `--set {flag}` has no value; write `--set {flag}=..`");
            self.wrong.get_or_insert(ConfigError { key: flag.to_owned(), message });
            return self;
        };
        let origin = Origin::Flag(key.to_owned());
        self.wrong = self.wrong.or_else(|| put_text(&mut self.sources.program, key, text, &origin));
        self
    }

    /// Sets `key` from the program, in the layer of the flags.
    pub fn set(mut self, key: &str, value: impl Into<toml::Value>) -> Self {
        let node = Node::new(value.into(), None, &Origin::Program);
        self.wrong = self.wrong.or_else(|| put_at(&mut self.sources.program, key, node));
        self
    }

    /// Sets `key` for those who say nothing else: between the defaults of its section and the file.
    pub fn preset(mut self, key: &str, value: impl Into<toml::Value>) -> Self {
        let node = Node::new(value.into(), None, &Origin::Program);
        self.wrong = self.wrong.or_else(|| put_at(&mut self.sources.presets, key, node));
        self
    }

    /// Lays the layers over each other.
    ///
    /// # Errors
    /// The first file that could not be read, or the first key that is none.
    pub fn build(self) -> Result<Config, ConfigError> {
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        let (mut given, sources, files) = (self.file.clone(), self.sources, self.file);
        let layers = sources.document.iter().chain([&sources.environment, &sources.program]);
        layers.for_each(|layer| merge(&mut given, layer.clone()));
        let presets = sources.presets.clone();
        Ok(Config(Arc::new(Settings { presets, given, files, claimed: Mutex::default(), sources })))
    }
}

impl fmt::Debug for ConfigBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigBuilder").field("wrong", &self.wrong).finish_non_exhaustive()
    }
}

fn put_text(tree: &mut Tree, key: &str, text: &str, origin: &Origin) -> Option<ConfigError> {
    put_at(tree, key, Node::from_text(text, origin))
}

fn put_at(tree: &mut Tree, key: &str, node: Node) -> Option<ConfigError> {
    let path: Vec<&str> = key.split('.').collect();
    if path.iter().any(|part| part.is_empty()) {
        let message = format!("`{key}` {} is not a key; write table.key", node.origin());
        return Some(ConfigError { key: key.to_owned(), message });
    }
    put(tree, &path, node);
    None
}

pub(super) fn put(tree: &mut Tree, path: &[&str], node: Node) {
    let (last, tables) = path.split_last().expect("a key has at least one part");
    let origin = node.origin().clone();
    let node = tables.iter().rev().fold((*last, node), |(key, node), table| {
        (*table, Node::Table(Tree::from([(key.to_owned(), node)]), origin.clone()))
    });
    merge(tree, Tree::from([(node.0.to_owned(), node.1)]));
}

/// Tables are joined, values are replaced.
pub(super) fn merge(below: &mut Tree, above: Tree) {
    for (key, node) in above {
        match below.get_mut(&key) {
            Some(below) => join(below, node),
            None => drop(below.insert(key, node)),
        }
    }
}

/// As [`merge`], of what stands under one key.
pub(super) fn join(below: &mut Node, above: Node) {
    match (below, above) {
        (Node::Table(below, _), Node::Table(above, _)) => merge(below, above),
        (below, above) => *below = above,
    }
}
