//! The services that have to be reachable before players can play.

use guildhall::Cx;
use guildhall::gate::Gate;

/// The services that an app needs before it can serve players.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// Some app must serve these.
    pub services: Vec<&'static str>,
    /// Clients call these through this gate, which learns of them a moment after it finds their app.
    pub for_clients: Option<(Gate, Vec<&'static str>)>,
}

impl Needs {
    /// Whether all is there, or what is not.
    ///
    /// # Errors
    /// The services that no app serves.
    pub fn check(&self, cx: &Cx) -> Result<(), String> {
        match self.missing(cx) {
            missing if missing.is_empty() => Ok(()),
            missing => Err(format!("no app serves {}", missing.join(", "))),
        }
    }

    fn missing(&self, cx: &Cx) -> Vec<&'static str> {
        let nodes = cx.nodes();
        let served = |name: &&&str| {
            nodes.iter().any(|node| node.services.iter().any(|service| service == **name))
        };
        let mut missing: Vec<_> =
            self.services.iter().filter(|name| !served(name)).copied().collect();
        if let Some((gate, names)) = &self.for_clients {
            missing.extend(names.iter().filter(|name| !served(name) || !gate.knows(name)));
        }
        missing
    }
}
