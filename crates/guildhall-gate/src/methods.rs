//! The methods and pushes for clients, read from the apps, so that a new method needs no new gate.

mod learn;

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use guildhall_core::MethodDesc;
use prost_reflect::{MessageDescriptor, MethodDescriptor};

pub(crate) use learn::learn;

/// A method that some app serves.
#[derive(Debug)]
pub(crate) struct Learnt {
    pub(crate) desc: &'static MethodDesc,
    pub(crate) request: MessageDescriptor,
    pub(crate) response: MessageDescriptor,
}

impl Learnt {
    /// Joins what the app says of the method with the types in its descriptors; `None` when these do not fit.
    fn new(desc: &'static MethodDesc, types: &MethodDescriptor) -> Option<Self> {
        let (request, response) = (types.input(), types.output());
        if let Some(key) = desc.key {
            request.get_field(key.number)?;
        }
        Some(Self { desc, request, response })
    }

    /// `package.Service/Method`, as JSON spells it.
    pub(crate) fn short_path(&self) -> &str {
        self.desc.path.trim_start_matches('/')
    }
}

/// A method of a client's own service: a push.
#[derive(Debug)]
pub(crate) struct PushMethod {
    /// `package.Service/Method`.
    pub(crate) path: String,
    pub(crate) message: MessageDescriptor,
}

/// What is known now.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) methods: BTreeMap<u32, Arc<Learnt>>,
    pub(crate) pushes: BTreeMap<u32, Arc<PushMethod>>,
    /// All apps of the mesh have told.
    pub(crate) complete: bool,
}

/// The table of methods; readers take no lock.
#[derive(Debug, Default)]
pub(crate) struct Methods(ArcSwap<Known>);

impl Methods {
    pub(crate) fn known(&self) -> Arc<Known> {
        self.0.load_full()
    }
}
