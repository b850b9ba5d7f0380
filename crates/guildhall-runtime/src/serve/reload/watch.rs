//! Polls the resource folder, and reloads when it has changed and is stable.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use guildhall_core::Env;
use tokio::task::JoinHandle;

use crate::call::Core;
use crate::serve::reload::Reloads;
use crate::serve::resources::ResourceConfig;

/// How deep folders are looked into: a link may lead back up.
const DEPTH_MAX: usize = 16;

/// How often to ask whether the folder is to be watched.
const ASK_AGAIN_MS: u64 = 1000;

/// Size and time of every file.
type Look = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

/// Starts what watches the folder, if there is a resource.
pub(crate) fn watch_resources(core: &Arc<Core>) -> Option<JoinHandle<Option<()>>> {
    let watch = || core.env.spawn("resources-watch", watch(Arc::clone(core)));
    core.part::<Reloads>().has_resources().then(watch)
}

/// Watches until the app ends. Looking, and not being told, works on every file system, through renames and in a simulation.
async fn watch(core: Arc<Core>) {
    let reloads = core.shared::<Reloads>();
    let mut config = reloads.resource_config(ResourceConfig::default()).await;
    // What was loaded, or failed to: both are over.
    let mut settled = look(&core.env, &config).await;
    let mut before = settled.clone();
    loop {
        let pause = if config.watch_ms == 0 { ASK_AGAIN_MS } else { config.watch_ms };
        core.env.sleep(Duration::from_millis(pause)).await;
        // The folder, and whether to watch, may change with the configuration.
        config = reloads.resource_config(config).await;
        if config.watch_ms == 0 {
            continue;
        }
        let now = look(&core.env, &config).await;
        if now == before && now != settled {
            settled.clone_from(&now);
            reloads.reload_resources(&core).await;
        }
        before = now;
    }
}

/// `None` when the folder cannot be looked at; that was said in the log.
async fn look(env: &Env, config: &ResourceConfig) -> Option<Look> {
    let (dir, max) = (config.dir.clone(), config.files_max);
    let looked = env.blocking(move || {
        let mut files = Look::new();
        list(&dir, max, DEPTH_MAX, &mut files).map(|()| files)
    });
    match looked.await? {
        Ok(files) => Some(files),
        Err(error) => {
            tracing::debug!(dir = %config.dir.display(), %error, "resources are not watched");
            None
        }
    }
}

fn list(dir: &Path, max: usize, depth: usize, into: &mut Look) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        // What editors and mounts keep for themselves.
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        // Follows links. What is gone meanwhile is not there.
        let Ok(file) = std::fs::metadata(&path) else { continue };
        if file.is_dir() {
            if depth > 0 {
                list(&path, max, depth - 1, into)?;
            }
        } else if into.len() < max {
            into.insert(path, (file.len(), file.modified().ok()));
        } else {
            let why = format!("there are more than {max} files (resources.files_max)");
            return Err(io::Error::other(why));
        }
    }
    Ok(())
}
