//! [`Places`]: which URL serves each seam: its own setting, `app.cluster`, the discovery, or the memory of this process.

use std::sync::Arc;

use guildhall_core::backend::{Alone, Lazy, Opener, without_secrets};
use guildhall_core::{Backend, StartError};

use crate::observe::seams::Seam;

/// A URL that is open, and what it has.
pub(super) type Opened<'a> = (&'a str, Backend);

/// The setting of a seam.
pub(super) struct Setting<'a> {
    pub(super) seam: &'static str,
    pub(super) key: &'static str,
    /// Empty: it follows others.
    pub(super) url: &'a str,
}

/// Which URL serves each seam.
pub(super) struct Places<'a> {
    pub(super) opener: &'a Arc<Opener>,
    /// What `app.cluster` names.
    pub(super) cluster: Option<Opened<'a>>,
    /// The discovery, where other processes see it too.
    pub(super) shared: Option<Opened<'a>>,
    /// What serves each seam so far.
    pub(super) list: Vec<Seam>,
    /// Settings of seams that are in memory although nobody has said so, and other processes are known.
    pub(super) left: Vec<&'static str>,
}

impl<'a> Places<'a> {
    /// The seam that a setting names, to be opened at its first use. An empty setting follows the cluster, and then discovery: apps
    /// that find each other in a backend meet there for everything else that it keeps.
    pub(super) fn lazy<T: ?Sized>(
        &mut self,
        setting: &Setting<'a>,
        given: Option<Arc<T>>,
        seam: fn(Backend) -> Option<Arc<T>>,
    ) -> Result<Lazy<T>, StartError> {
        let from = [&self.cluster, &self.shared];
        let url = url_of(setting, &from, |backend| seam(backend.clone()).is_some());
        let alone = self.serves(setting, url, given.is_some());
        Lazy::new(self.opener, (setting.key, url), alone, given, seam)
    }

    /// The URL of the store. It does not follow discovery: where state is kept has to be said.
    pub(super) fn store(&mut self, setting: &Setting<'a>, given: bool, used: bool) -> &'a str {
        let url = url_of(setting, &[&self.cluster], |backend| backend.store.is_some());
        let left = self.left.len();
        let _only_warned_of = self.serves(setting, url, given);
        if !used {
            self.left.truncate(left);
        }
        url
    }

    /// Notes what serves a seam, and says whether it is in memory where other processes are known.
    fn serves(&mut self, setting: &Setting<'a>, url: &str, given: bool) -> Option<Alone> {
        self.list.push(Seam { name: setting.seam, url: (!given).then(|| url.to_owned()) });
        let (discovery, _) = self.shared.as_ref().filter(|_| !given && in_memory(url))?;
        let cluster = self.cluster.as_ref().is_some_and(|(url, _)| in_memory(url));
        let unset = setting.url.is_empty() && !cluster;
        if unset {
            self.left.push(setting.key);
        }
        Some(Alone { discovery: without_secrets(discovery), unset })
    }

    /// Warns of the seams that are in memory although nobody has said so.
    pub(super) fn warn(&self) {
        if let (Some((discovery, _)), false) = (&self.shared, self.left.is_empty()) {
            let (settings, discovery) = (self.left.join(", "), without_secrets(discovery));
            tracing::warn!(
                settings,
                discovery,
                "not set, so in the memory of this process alone although discovery has other processes: set app.cluster, or each of these to a backend that all of them reach"
            );
        }
    }
}

fn url_of<'a>(
    setting: &Setting<'a>,
    from: &[&Option<Opened<'a>>],
    has: impl Fn(&Backend) -> bool,
) -> &'a str {
    if !setting.url.is_empty() {
        return setting.url;
    }
    let mut from = from.iter().filter_map(|opened| opened.as_ref());
    from.find(|(_, backend)| has(backend)).map_or("memory:", |(url, _)| url)
}

/// Whether a URL names a backend of this process alone.
pub(super) fn in_memory(url: &str) -> bool {
    url.split(':').next() == Some("memory")
}
