//! What must be there for players to play: services of this app or of others.

use guildhall::Cx;
use guildhall_gate::Gate;

/// The services that an app needs before it can serve players.
#[derive(Clone, Debug)]
pub struct Needs {
    /// Some app must serve these.
    pub services: Vec<&'static str>,
    /// This gate must know them, too: it learns what clients may call a moment after it finds an app.
    pub gate: Option<Gate>,
}

impl Needs {
    /// What is not there.
    pub fn missing(&self, cx: &Cx) -> Vec<&'static str> {
        let nodes = cx.nodes();
        let served = |name: &&'static str| {
            nodes.iter().any(|node| node.services.iter().any(|service| service == name))
        };
        let known = |name: &&'static str| self.gate.as_ref().is_none_or(|gate| gate.knows(name));
        let there = |name: &&'static str| served(name) && known(name);
        self.services.iter().copied().filter(|name| !there(name)).collect()
    }
}
