//! The registration of an app: what it announces to other apps.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message as _;

use crate::{AppId, Incarnation, LogicAddr};

/// What an app tells the others about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeRecord {
    /// Its name.
    pub id: AppId,
    /// Its life.
    pub incarnation: Incarnation,
    /// Its numeric address, when its world and func have numbers.
    pub logic_addr: Option<LogicAddr>,
    /// Where it listens, by protocol: `link`.
    pub endpoints: BTreeMap<String, String>,
    /// Its version label.
    pub version: String,
    /// Its share of work relative to others; 0 gets none.
    pub weight: u32,
    /// Its reported load.
    pub load: u32,
    /// Visible to other worlds.
    pub export: bool,
    /// Whether it takes calls.
    pub state: NodeState,
    /// Full names of its services, sorted.
    pub services: Vec<String>,
    /// Hash of its descriptor set.
    pub descriptors_hash: Bytes,
    /// Labels for rules of routing.
    pub labels: BTreeMap<String, String>,
}

/// Whether an app takes calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeState {
    /// Not yet.
    Starting,
    /// Yes.
    Ready,
    /// No new ones.
    Draining,
}

impl NodeRecord {
    /// The record as the handshake and discovery backends carry it.
    pub fn to_wire(&self) -> guildhall_wire::NodeRecord {
        use guildhall_wire::node_record::State;
        guildhall_wire::NodeRecord {
            id: self.id.to_string(),
            incarnation: self.incarnation.0,
            logic_addr: self.logic_addr.map_or(0, LogicAddr::bits),
            endpoints: self.endpoints.clone(),
            version: self.version.clone(),
            weight: self.weight,
            load: self.load,
            export: self.export,
            state: match self.state {
                NodeState::Starting => State::Starting,
                NodeState::Ready => State::Ready,
                NodeState::Draining => State::Draining,
            }
            .into(),
            services: self.services.clone(),
            descriptors_hash: self.descriptors_hash.clone(),
            labels: self.labels.clone(),
        }
    }

    /// Reads a record of another app.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn from_wire(wire: guildhall_wire::NodeRecord) -> Result<Self, String> {
        use guildhall_wire::node_record::State;
        let state = match wire.state() {
            State::Starting => NodeState::Starting,
            State::Ready => NodeState::Ready,
            State::Draining => NodeState::Draining,
        };
        Ok(Self {
            id: wire.id.parse().map_err(|e: crate::ParseIdError| e.to_string())?,
            incarnation: Incarnation(wire.incarnation),
            logic_addr: LogicAddr::from_bits(wire.logic_addr),
            endpoints: wire.endpoints,
            version: wire.version,
            weight: wire.weight,
            load: wire.load,
            export: wire.export,
            state,
            services: wire.services,
            descriptors_hash: wire.descriptors_hash,
            labels: wire.labels,
        })
    }

    /// The record in bytes, for backends that keep bytes.
    pub fn encode(&self) -> Bytes {
        self.to_wire().encode_to_vec().into()
    }

    /// Reads [`NodeRecord::encode`].
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let wire = guildhall_wire::NodeRecord::decode(bytes).map_err(|e| e.to_string())?;
        Self::from_wire(wire)
    }
}
