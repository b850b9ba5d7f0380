//! The cluster file: which programs run on this machine, how many of each, and in which order they start.

mod like;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use guildhall_core::Config;
use serde::Deserialize;

use crate::up::readyz::Readyz;

/// Why a restart of it would be its end.
pub(crate) const NO_RESTART: &str = "restart = false: it does not start again";

/// The program of a hub.
const HUB: &str = "guildhall-hub";

/// Instances of one app.
pub(crate) const COUNT_MAX: u32 = 100;

/// A cluster file. All paths in it are relative to `folder`, and that to the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClusterFile {
    /// Where the processes run; relative to the file.
    #[serde(default)]
    pub(crate) folder: PathBuf,
    /// Runs to its end before anything starts: program and arguments.
    #[serde(default)]
    pub(crate) build: Vec<String>,
    /// The program of apps that name none.
    command: Option<String>,
    /// Arguments of all apps, before their own.
    #[serde(default)]
    args: Vec<String>,
    /// Environment of all apps.
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) limits: Limits,
    pub(crate) apps: BTreeMap<String, AppSpec>,
}

/// The file's `[limits]`: how long what may take, in ms, and how often.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// Longest start, in ms: a process that is not ready by then is killed and counts as failed.
    pub(crate) ready_ms: u64,
    /// Longest drain, in ms: a process that has not ended by then is killed.
    pub(crate) drain_ms: u64,
    /// First pause before a process that failed starts again; doubles up to `backoff_max_ms`.
    pub(crate) backoff_ms: u64,
    /// Longest pause.
    pub(crate) backoff_max_ms: u64,
    /// Time in a rolling restart for other apps to link to a restarted process, before the next one drains.
    pub(crate) settle_ms: u64,
    /// Failures in a row after which an instance stays down.
    pub(crate) restarts_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ready_ms: 60_000,
            drain_ms: 15_000,
            backoff_ms: 200,
            backoff_max_ms: 10_000,
            settle_ms: 3_000,
            restarts_max: 10,
        }
    }
}

/// The file's `[apps.role]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppSpec {
    command: Option<String>,
    /// Becomes `--config FILE`.
    config: Option<String>,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default = "one")]
    pub(crate) count: u32,
    /// Apps whose instances must be ready before these start.
    #[serde(default)]
    pub(crate) after: Vec<String>,
    /// The line that a process prints when it is ready; empty: it is ready at once.
    #[serde(default = "ready")]
    pub(crate) ready: String,
    /// URL that reports whether a process is ready, in a rolling restart: `http://127.0.0.1:{7320+inst}/readyz`.
    readyz: Option<String>,
    /// Whether the app takes part in a rolling restart.
    rolling: Option<bool>,
    /// Whether a process that has ended is restarted.
    #[serde(default = "yes")]
    pub(crate) restart: bool,
}

fn one() -> u32 {
    1
}
fn ready() -> String {
    "ready".to_owned()
}
fn yes() -> bool {
    true
}

/// What to start for one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) folder: PathBuf,
}

impl ClusterFile {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = guildhall_core::read_text(path).with_context(|| {
            format!(
                "{shown}: there must be a file that says what to run; see `guildhall up --help`"
            )
        })?;
        let file = toml::from_str(&text).map_err(anyhow::Error::from);
        let file = file.and_then(|table| Self::of(like::whole(path, table)?));
        let mut file = file.with_context(|| shown.to_string())?;
        let beside = path.parent().unwrap_or(Path::new(""));
        let folder = Path::new(".").join(beside).join(&file.folder);
        file.folder = folder.canonicalize().with_context(|| format!("{shown}: folder"))?;
        Ok(file)
    }

    /// Checks what a file says.
    fn of(table: toml::Table) -> Result<Self> {
        let file: Self = table.try_into()?;
        ensure!(!file.apps.is_empty(), "there is no [apps.NAME]");
        for (name, app) in &file.apps {
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            ensure!(
                !name.is_empty() && name.chars().all(fits),
                "apps.{name}: a name has a-z, 0-9 and - only"
            );
            ensure!(
                app.count <= COUNT_MAX,
                "apps.{name}.count is {}; at most {COUNT_MAX}",
                app.count
            );
            for after in &app.after {
                ensure!(
                    file.apps.contains_key(after),
                    "apps.{name}.after: there is no [apps.{after}]; {}",
                    guildhall_core::config::hint(after, file.apps.keys().map(String::as_str))
                );
            }
            file.start(name, 1)?;
            file.readyz(name, 1)?;
        }
        file.order()?;
        Ok(file)
    }

    /// The apps, each after those that it waits for.
    pub(crate) fn order(&self) -> Result<Vec<&str>> {
        let mut order: Vec<&str> = Vec::new();
        while order.len() < self.apps.len() {
            let next = self.apps.iter().find(|(name, app)| {
                let is_placed = |name: &String| order.contains(&name.as_str());
                !is_placed(name) && app.after.iter().all(is_placed)
            });
            let Some((name, _)) = next else {
                let left = self.apps.keys().filter(|name| !order.contains(&name.as_str()));
                let left: Vec<&str> = left.map(String::as_str).collect();
                bail!("apps wait for each other with `after`: {}", left.join(", "));
            };
            order.push(name);
        }
        Ok(order)
    }

    /// Why the instances of an app take no part in a rolling restart, if they do not.
    pub(crate) fn stays(&self, name: &str) -> Option<&'static str> {
        let app = self.apps.get(name)?;
        let command = app.command.as_ref().or(self.command.as_ref());
        let is_hub =
            || command.is_some_and(|it| Path::new(it).file_stem().is_some_and(|it| it == HUB));
        match app.rolling {
            _ if !app.restart => Some(NO_RESTART),
            Some(false) => Some("rolling = false"),
            None if is_hub() => Some("a hub has no other that serves meanwhile; --app names it"),
            Some(true) | None => None,
        }
    }

    /// What is asked whether an instance is ready.
    pub(crate) fn readyz(&self, name: &str, inst: u32) -> Result<Option<Readyz>> {
        let Some(url) = self.apps.get(name).and_then(|app| app.readyz.as_ref()) else {
            return Ok(None);
        };
        let readyz = fill(url, name, inst).and_then(|url| Readyz::parse(&url));
        Ok(Some(readyz.with_context(|| format!("apps.{name}.readyz"))?))
    }

    /// The settings of the first instance of an app, as its program reads them: of its file, its environment and its flags.
    pub(crate) fn settings(&self, name: &str, variables: &[(String, String)]) -> Result<Config> {
        let Start { args, env, folder, .. } = self.start(name, 1)?;
        let mut files = Vec::new();
        let mut config = Config::builder();
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            let (flag, value) = match arg.split_once('=') {
                Some((flag, value)) if flag.starts_with("--") => {
                    (flag.to_owned(), Some(value.to_owned()))
                }
                _ => (arg, None),
            };
            match flag.as_str() {
                "--config" => files.extend(value.or_else(|| args.next())),
                "--set" => config = config.flag(&value.or_else(|| args.next()).unwrap_or_default()),
                _ => {}
            }
        }
        let variables = variables.iter().cloned().chain(env);
        let config = match files.pop() {
            Some(file) => config.file(folder.join(file)),
            None => config.optional_file(folder.join("guildhall.toml")),
        };
        config.env(variables).build().with_context(|| format!("apps.{name}"))
    }

    /// What to start for an instance of an app.
    pub(crate) fn start(&self, name: &str, inst: u32) -> Result<Start> {
        let app = self.apps.get(name).with_context(|| format!("there is no [apps.{name}]"))?;
        let fill =
            |text: &str| fill(text, name, inst).with_context(|| format!("apps.{name}: `{text}`"));
        let command = app.command.as_ref().or(self.command.as_ref());
        let command = command.with_context(|| {
            format!("apps.{name} has no program; write command = \"..\", here or for all apps")
        })?;
        let program = fill(command)?;
        // A bare name is looked up in PATH.
        let is_path = program.contains(['/', '\\']);
        let program = if is_path { self.folder.join(program) } else { program.into() };
        let config = app.config.as_ref().map(|file| format!("--config={file}"));
        let args = config.iter().chain(&self.args).chain(&app.args);
        let env = self.env.iter().chain(&app.env);
        Ok(Start {
            program,
            args: args.map(|arg| fill(arg)).collect::<Result<_>>()?,
            env: env.map(|(key, value)| Ok((key.clone(), fill(value)?))).collect::<Result<_>>()?,
            folder: self.folder.clone(),
        })
    }
}

/// Replaces `{app}`, `{inst}` and `{7200+inst}`; `{{` is a brace.
fn fill(text: &str, app: &str, inst: u32) -> Result<String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled += before;
        if let Some(after) = after.strip_prefix('{') {
            filled.push('{');
            rest = after;
            continue;
        }
        let (what, after) =
            after.split_once('}').context("a `{` without `}`; write {{ for a brace")?;
        match what.split_once('+') {
            None if what == "app" => filled += app,
            None if what == "inst" => filled += &inst.to_string(),
            Some((number, "inst")) => {
                let sum = number.parse::<u32>().ok().and_then(|number| number.checked_add(inst));
                filled += &sum.with_context(|| format!("`{number}` is no number"))?.to_string();
            }
            _ => bail!(
                "there is no {{{what}}}; there are {{app}}, {{inst}} and {{7200+inst}}, and {{{{ is a brace"
            ),
        }
        rest = after;
    }
    Ok(filled + rest)
}

#[cfg(test)]
mod tests;
