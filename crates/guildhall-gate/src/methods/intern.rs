//! Descriptions of methods with a static life, as the runtime's calls want them.

use std::collections::BTreeMap;

use guildhall_core::{KeyField, KeyKind, MethodDesc, Model, Route};
use guildhall_runtime::proto::MethodInfo;
use guildhall_runtime::proto::method_info;
use guildhall_wire::method_id;
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

fn describe(info: &MethodInfo) -> Result<MethodDesc, String> {
    let service = info.path.strip_prefix('/').and_then(|path| path.rsplit_once('/'));
    let (service, _) = service.ok_or_else(|| format!("`{}` is no path of a method", info.path))?;
    let kind = match info.key_kind() {
        method_info::KeyKind::Text => KeyKind::Text,
        method_info::KeyKind::Uint => KeyKind::Uint,
        method_info::KeyKind::Int => KeyKind::Int,
    };
    Ok(MethodDesc {
        id: method_id(&info.path),
        service: leak(service),
        path: leak(&info.path),
        index: info.index as usize,
        model: match info.model() {
            method_info::Model::Concurrent => Model::Concurrent,
            method_info::Model::Serial => Model::Serial,
            method_info::Model::Interleaved => Model::Interleaved,
            method_info::Model::Actor => Model::Actor,
            method_info::Model::Client => Model::Client,
        },
        key: (info.key != 0).then_some(KeyField { number: info.key, kind }),
        key_from_player: info.key_from_player,
        route: match info.route() {
            method_info::Route::Random => Route::Random,
            method_info::Route::Hash => Route::Hash,
            method_info::Route::Single => Route::Single,
        },
        oneway: info.oneway,
        trace: info.trace,
        client: info.client,
        durable: info.durable,
        idempotent: info.idempotent,
        create: info.create,
        timeout_ms: info.timeout_ms,
    })
}

fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}
