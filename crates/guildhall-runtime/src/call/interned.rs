//! Static method descriptions for methods that are not in generated code.

use std::collections::BTreeMap;

use guildhall_core::MethodDesc;
use prost::Message as _;

use super::described::describe;
use crate::proto::MethodInfo;

/// Each distinct description is leaked once: calls in flight, on any worker, hold it without counting references, as they do
/// with those of generated code. A method that is described as before costs nothing; a bound holds for the rest.
#[derive(Debug)]
pub struct Interned {
    by_content: BTreeMap<Vec<u8>, &'static MethodDesc>,
    max: usize,
    knob: &'static str,
}

impl Interned {
    /// At most `max` methods; `knob` is the setting that says so.
    pub fn new(max: usize, knob: &'static str) -> Self {
        Self { by_content: BTreeMap::new(), max, knob }
    }

    /// The description.
    ///
    /// # Errors
    /// The path is none, or there is no room.
    pub fn get(&mut self, info: &MethodInfo) -> Result<&'static MethodDesc, String> {
        let content = info.encode_to_vec();
        if let Some(known) = self.by_content.get(&content) {
            return Ok(known);
        }
        if self.by_content.len() >= self.max {
            return Err(format!("{} methods are known already ({})", self.max, self.knob));
        }
        let desc: &'static MethodDesc = Box::leak(Box::new(describe(info)?));
        self.by_content.insert(content, desc);
        Ok(desc)
    }
}
