//! [`Apps`]: the ready apps of a func, for those who call an app and not a service.

use guildhall_core::discovery::NodeState;
use guildhall_core::{AppId, Env};

use crate::call::Cx;
use crate::call::mesh::pick;

/// The apps of a func as they were at one moment: see [`Cx::apps`].
#[derive(Clone, Debug)]
pub struct Apps {
    env: Env,
    ready: Vec<AppId>,
    weights: Vec<u32>,
}

impl Cx {
    /// The ready apps of `func` in this app's own world that this app has a link to, itself included.
    ///
    /// Their services are called with `.at(&app)`. Whoever wants a service, wherever it is, needs none of this.
    pub fn apps(&self, func: &str) -> Apps {
        let world = self.core.id.world();
        let nodes = self.nodes().into_iter().filter(|node| {
            node.state == NodeState::Ready && node.id.world() == world && node.id.func() == func
        });
        let (ready, weights) = nodes.map(|node| (node.id, node.weight)).unzip();
        Apps { env: self.core.env.clone(), ready, weights }
    }
}

impl Apps {
    /// All of them, by inst: numerically, `2` before `10`, where they are numbers.
    pub fn all(&self) -> &[AppId] {
        &self.ready
    }

    /// The app that the number `n` falls to: `n` modulo their count, so the same one as long as they stay the same. `None` when
    /// there is none.
    pub fn nth(&self, n: usize) -> Option<&AppId> {
        self.ready.get(n.checked_rem(self.ready.len())?)
    }

    /// One of them by their weights; `None` when there is none with a weight.
    pub fn random(&self) -> Option<&AppId> {
        let all = self.weights.iter().copied().map(u64::from).sum();
        self.ready.get(pick(&self.env, all, self.weights.iter().copied())?)
    }
}
