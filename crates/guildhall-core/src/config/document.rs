//! Settings that a backend keeps: one TOML document, over the files and below environment and flags.

use super::layers::{ConfigBuilder, Node, Origin, Tree, put};
use super::{Config, ConfigError, find};

/// Bytes of a document that `app.config` names, at most: 1 MiB.
pub const DOCUMENT_BYTES_MAX: usize = 1 << 20;

/// The setting that names the document, and so cannot be in it.
const NAMED_BY: &str = "app.config";
/// What is read in any case before there is a document: the section that names it.
const READ_BEFORE: &str = "app";

impl Config {
    /// These settings with those of a TOML document, which override the files and are overridden by environment and flags. It
    /// replaces a document that was given before. `name` is where it comes from, without secrets, for errors.
    ///
    /// # Errors
    /// It is larger than [`DOCUMENT_BYTES_MAX`], not UTF-8 or not TOML, it sets `app.config`, or, where it is the first one, it sets keys
    /// of a section that the program has read already. No error shows what is in it, but for keys.
    pub fn with_document(&self, name: &str, document: &[u8]) -> Result<Self, ConfigError> {
        let wrong = |message| ConfigError { key: NAMED_BY.to_owned(), message };
        let tree = parse(name, document).map_err(wrong)?;
        let has = |section: &str| {
            let path: Vec<String> = section.split('.').map(str::to_owned).collect();
            find(&tree, &path).is_some()
        };
        if has(NAMED_BY) {
            return Err(wrong(format!(
                "`{NAMED_BY}` in {name}: a document cannot name another one"
            )));
        }
        let claimed = self.0.claimed.lock().clone();
        if self.0.sources.document.is_none()
            && let Some(key) = claimed.iter().find(|key| *key != READ_BEFORE && has(key))
        {
            let message = format!(
                "`{key}` in {name}: the program reads this section before the document; set it in a file, in the environment or by a flag"
            );
            return Err(ConfigError { key: key.clone(), message });
        }
        let config = ConfigBuilder::over(&self.0, tree).build()?;
        *config.0.claimed.lock() = claimed;
        Ok(config)
    }
}

fn parse(name: &str, document: &[u8]) -> Result<Tree, String> {
    let bytes = document.len();
    if bytes > DOCUMENT_BYTES_MAX {
        return Err(format!("{name} has {bytes} bytes; {DOCUMENT_BYTES_MAX} are the most"));
    }
    let text = std::str::from_utf8(document).map_err(|error| {
        format!("{name} is not UTF-8 from byte {} on; it must be TOML", error.valid_up_to())
    })?;
    let table = text.parse::<toml::Table>().map_err(|error| {
        // Its own text shows the line, which may have a secret.
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        format!("{name} is not TOML: line {line}: {}", error.message())
    })?;
    let (mut tree, origin) = (Tree::new(), Origin::Document(name.to_owned()));
    for (key, value) in table {
        put(&mut tree, &[&key], Node::new(value, None, &origin));
    }
    Ok(tree)
}
