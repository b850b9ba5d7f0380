//! [`Apps`]: the ready apps of a func, for calls to an app by address.

use guildhall_core::discovery::NodeState;
use guildhall_core::{AppId, Env};

use crate::call::Cx;
use crate::call::mesh::pick;

/// The apps of a func at one moment: see [`Cx::apps`].
#[derive(Clone, Debug)]
pub struct Apps {
    env: Env,
    ready: Vec<AppId>,
    weights: Vec<u32>,
}

impl Cx {
    /// The ready apps of `func` in this app's own world that this app can reach ([`Cx::nodes`]), itself included.
    ///
    /// Call their services with `.at(&app)`. Clients without `.at` find an app for a service by themselves.
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
    /// All of them, ordered by inst; numeric ones compare as numbers, `2` before `10`.
    pub fn all(&self) -> &[AppId] {
        &self.ready
    }

    /// The app number `n` modulo their count: the same one as long as the apps stay the same. `None` if there are none.
    pub fn nth(&self, n: usize) -> Option<&AppId> {
        self.ready.get(n.checked_rem(self.ready.len())?)
    }

    /// A random one by weight; `None` if none has a weight.
    pub fn random(&self) -> Option<&AppId> {
        let all = self.weights.iter().copied().map(u64::from).sum();
        self.ready.get(pick(&self.env, all, self.weights.iter().copied())?)
    }
}
