//! Reads the healthy services of a deployment.

use std::collections::BTreeMap;

use guildhall_core::discovery::NodeRecord;
use guildhall_core::{AppId, outside};
use serde::Deserialize;

use crate::fault::Fault;
use crate::meta::{self, Meta};

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "Service")]
    service: Service,
}

/// A service, as far as it matters here.
#[derive(Deserialize)]
pub(crate) struct Service {
    #[serde(rename = "ID")]
    pub(crate) id: String,
    #[serde(rename = "Meta", default)]
    pub(crate) meta: Option<Meta>,
}

/// The registrations among the healthy services. Of two with one id, at two agents, the later incarnation counts.
pub(crate) fn nodes(body: &[u8]) -> Result<BTreeMap<AppId, NodeRecord>, Fault> {
    let entries: Vec<Entry> =
        serde_json::from_slice(body).map_err(|error| Fault::Garbled(error.to_string()))?;
    let mut nodes = BTreeMap::<AppId, NodeRecord>::new();
    for Entry { service } in entries {
        let Some(node) = service.node() else {
            let id = outside(&service.id);
            tracing::warn!(%id, "service ignored: its metadata is damaged, or not Guildhall's");
            continue;
        };
        let known = nodes.get(&node.id);
        if known.is_none_or(|known| known.incarnation < node.incarnation) {
            nodes.insert(node.id.clone(), node);
        }
    }
    Ok(nodes)
}

impl Service {
    /// Its registration. One under another app's id would remove that app when it goes.
    pub(crate) fn node(&self) -> Option<NodeRecord> {
        let node = self.meta.as_ref().and_then(meta::decode)?;
        (node.id.as_str() == self.id).then_some(node)
    }
}
