//! [`Seams`]: which backend serves each seam of an app, and whether it answers.

use std::sync::Arc;

use guildhall_core::Backend;
use guildhall_core::backend::{Opener, Outage, ServerHealth, without_secrets};

/// Which backend serves each seam.
pub(crate) struct Seams {
    opener: Arc<Opener>,
    list: Vec<Seam>,
}

/// A seam, and what serves it.
pub(crate) struct Seam {
    /// `discovery`, `broker`, `queue`, `leases` or `store`.
    pub(crate) name: &'static str,
    /// `None`: the program gave it to the app.
    pub(crate) url: Option<String>,
}

/// A seam as it is shown.
pub(crate) struct SeamNow {
    pub(crate) name: &'static str,
    /// Without secrets; empty: the program gave the backend to the app.
    pub(crate) url: String,
    pub(crate) open: bool,
    /// Of a backend with a server.
    pub(crate) health: Option<ServerHealth>,
}

impl Seams {
    pub(crate) fn new(opener: &Arc<Opener>, list: Vec<Seam>) -> Self {
        Self { opener: Arc::clone(opener), list }
    }

    fn backend(&self, seam: &Seam) -> Option<Backend> {
        self.opener.opened(seam.url.as_deref()?)
    }

    /// All of them, as they are now.
    pub(crate) fn now(&self) -> Vec<SeamNow> {
        let now = |seam: &Seam| {
            let backend = self.backend(seam);
            SeamNow {
                name: seam.name,
                url: seam.url.as_deref().map(without_secrets).unwrap_or_default(),
                open: seam.url.is_none() || backend.is_some(),
                health: backend.and_then(|backend| backend.outage).map(|outage| outage.health()),
            }
        };
        self.list.iter().map(now).collect()
    }

    /// The open backends with a server, each with the seams that it serves.
    pub(crate) fn servers(&self) -> Vec<(Outage, Vec<&'static str>)> {
        let mut servers: Vec<(&str, Outage, Vec<&'static str>)> = Vec::new();
        for seam in &self.list {
            let Some(url) = seam.url.as_deref() else { continue };
            if let Some((.., seams)) = servers.iter_mut().find(|(other, ..)| *other == url) {
                seams.push(seam.name);
            } else if let Some(outage) = self.backend(seam).and_then(|backend| backend.outage) {
                servers.push((url, outage, vec![seam.name]));
            }
        }
        servers.into_iter().map(|(_, outage, seams)| (outage, seams)).collect()
    }

    /// Whether the server of this seam does not answer.
    pub(crate) fn is_out(&self, name: &str) -> bool {
        let mut seams = self.list.iter().filter(|seam| seam.name == name);
        let outage = seams.find_map(|seam| self.backend(seam)?.outage);
        outage.is_some_and(|outage| outage.is_there())
    }
}
