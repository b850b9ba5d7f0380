//! Loaders, which turn files into values, once per version.

use std::any::{Any, TypeId, type_name};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;

type Loaded = Arc<dyn Any + Send + Sync>;
type Load = dyn Fn(&Loading<'_>) -> Result<Loaded, ResourceError> + Send + Sync;

/// What makes one resource.
pub(crate) struct Loader {
    of: TypeId,
    name: &'static str,
    load: Box<Load>,
}

impl Loader {
    pub(crate) fn new<T: Send + Sync + 'static>(
        load: impl Fn(&Loading<'_>) -> Result<T, ResourceError> + Send + Sync + 'static,
    ) -> Self {
        let load = move |loading: &Loading<'_>| Ok(Arc::new(load(loading)?) as Loaded);
        Self { of: TypeId::of::<T>(), name: type_name::<T>(), load: Box::new(load) }
    }
}

impl std::fmt::Debug for Loader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// A version of all resources while it is loaded: what loaders read from.
#[derive(Debug)]
pub struct Loading<'a> {
    dir: &'a Path,
    loaders: &'a [Loader],
    done: RefCell<BTreeMap<TypeId, Loaded>>,
    under_way: RefCell<Vec<&'static str>>,
}

/// Why resources were not loaded: which file, where in it, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{why}", place(file, *line))]
pub struct ResourceError {
    /// The file below `resources.dir`; empty when it is no file's fault.
    pub file: String,
    /// Counted from 1; 0 when it is no line's fault.
    pub line: usize,
    /// What is wrong.
    pub why: String,
}

fn place(file: &str, line: usize) -> String {
    match (file, line) {
        ("", _) => String::new(),
        (file, 0) => format!("{file}: "),
        (file, line) => format!("{file}:{line}: "),
    }
}

impl ResourceError {
    /// Says what is wrong in line `line` (from 1; 0: in the whole) of `file`.
    pub fn new(file: impl Into<String>, line: usize, why: impl Into<String>) -> Self {
        Self { file: file.into(), line, why: why.into() }
    }
}

/// Runs all loaders.
pub(super) fn all(
    loaders: &[Loader],
    dir: &Path,
) -> Result<BTreeMap<TypeId, Loaded>, ResourceError> {
    let (done, under_way) = Default::default();
    let loading = Loading { dir, loaders, done, under_way };
    loaders.iter().try_for_each(|loader| loading.run(loader).map(drop))?;
    Ok(loading.done.into_inner())
}

impl Loading<'_> {
    /// Where `file` is, a path below `resources.dir`: for what is no text.
    pub fn path(&self, file: &str) -> PathBuf {
        self.dir.join(file)
    }

    /// The text of `file`, a path below `resources.dir`, without a byte order mark.
    ///
    /// # Errors
    /// It cannot be read, or is not UTF-8.
    pub fn text(&self, file: &str) -> Result<String, ResourceError> {
        let path = self.path(file);
        let wrong = |e| ResourceError::new(path.display().to_string(), 0, format!("{e}"));
        guildhall_core::read_text(&path).map_err(wrong)
    }

    /// Reads a JSON file.
    ///
    /// # Errors
    /// It cannot be read, or is no such value.
    pub fn json<T: DeserializeOwned>(&self, file: &str) -> Result<T, ResourceError> {
        let wrong = |e: serde_json::Error| ResourceError::new(file, e.line(), e.to_string());
        serde_json::from_str(&self.text(file)?).map_err(wrong)
    }

    /// Reads a TOML file.
    ///
    /// # Errors
    /// It cannot be read, or is no such value.
    pub fn toml<T: DeserializeOwned>(&self, file: &str) -> Result<T, ResourceError> {
        let text = self.text(file)?;
        toml::from_str(&text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(0, |before| before.matches('\n').count() + 1);
            ResourceError::new(file, line, error.message())
        })
    }

    /// Another resource, of the version that is being loaded; it is loaded first if it has not been yet.
    ///
    /// # Errors
    /// It cannot be loaded, there is no loader for it, or it waits for the one that asks.
    pub fn resource<T: Send + Sync + 'static>(&self) -> Result<Arc<T>, ResourceError> {
        let wrong = |why| ResourceError::new("", 0, why);
        let mut loaders = self.loaders.iter();
        let loader = loaders.find(|loader| loader.of == TypeId::of::<T>()).ok_or_else(|| {
            wrong(format!("no loader for {}; add one with App::resource", type_name::<T>()))
        })?;
        let loaded = self.run(loader)?;
        loaded.downcast().map_err(|_| wrong(format!("{} is of another type", loader.name)))
    }

    fn run(&self, loader: &Loader) -> Result<Loaded, ResourceError> {
        if let Some(loaded) = self.done.borrow().get(&loader.of) {
            return Ok(Arc::clone(loaded));
        }
        if self.under_way.borrow().contains(&loader.name) {
            let chain = self.under_way.borrow().join(" needs ");
            let why = format!("resources need each other: {chain} needs {}", loader.name);
            return Err(ResourceError::new("", 0, why));
        }
        self.under_way.borrow_mut().push(loader.name);
        let loaded = (loader.load)(self)?;
        self.under_way.borrow_mut().pop();
        self.done.borrow_mut().insert(loader.of, Arc::clone(&loaded));
        Ok(loaded)
    }
}
