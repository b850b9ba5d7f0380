//! Descriptions of methods with a static life, as the runtime's calls want them.

use std::collections::BTreeMap;

use guildhall_core::MethodDesc;
use guildhall_runtime::proto::MethodInfo;
use guildhall_runtime::raw::describe;
use prost::Message as _;

/// Each distinct description is leaked once: calls in flight, on any worker, hold it without counting references, as they do
/// with those of generated code. A method that is described as before costs nothing; `max` bounds the rest.
#[derive(Debug)]
pub(super) struct Interned {
    by_content: BTreeMap<Vec<u8>, &'static MethodDesc>,
    max: usize,
}

impl Interned {
    pub(super) fn new(max: usize) -> Self {
        Self { by_content: BTreeMap::new(), max }
    }

    /// The description, or why there is none.
    pub(super) fn get(&mut self, info: &MethodInfo) -> Result<&'static MethodDesc, String> {
        let content = info.encode_to_vec();
        if let Some(known) = self.by_content.get(&content) {
            return Ok(known);
        }
        if self.by_content.len() >= self.max {
            return Err(format!("the gate knows {} methods already (gate.methods_max)", self.max));
        }
        let desc: &'static MethodDesc = Box::leak(Box::new(describe(info)?));
        self.by_content.insert(content, desc);
        Ok(desc)
    }
}
