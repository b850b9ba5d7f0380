//! Descriptions of methods as apps exchange them, and as calls want them.

use guildhall_core::{KeyField, KeyKind, MethodDesc, Model, Route};
use guildhall_wire::method_id;

use crate::proto::{MethodInfo, method_info};

/// What an app tells others about a method.
pub(crate) fn method(desc: &MethodDesc) -> MethodInfo {
    use method_info as info;
    let model = match desc.model {
        Model::Concurrent => info::Model::Concurrent,
        Model::Serial => info::Model::Serial,
        Model::Interleaved => info::Model::Interleaved,
        Model::Actor => info::Model::Actor,
        Model::Client => info::Model::Client,
    };
    let route = match desc.route {
        Route::Random => info::Route::Random,
        Route::Hash => info::Route::Hash,
        Route::Single => info::Route::Single,
        Route::LeastLoad => info::Route::LeastLoad,
    };
    let key_kind = match desc.key.map(|key| key.kind) {
        Some(KeyKind::Uint) => info::KeyKind::Uint,
        Some(KeyKind::Int) => info::KeyKind::Int,
        Some(KeyKind::Text) | None => info::KeyKind::Text,
    };
    MethodInfo {
        path: desc.path.to_owned(),
        index: u32::try_from(desc.index).unwrap_or(u32::MAX),
        model: model.into(),
        route: route.into(),
        key: desc.key.map_or(0, |key| key.number),
        key_kind: key_kind.into(),
        key_narrow: desc.key.is_some_and(|key| key.narrow),
        key_from_player: desc.key_from_player,
        oneway: desc.oneway,
        trace: desc.trace,
        client: desc.client,
        durable: desc.durable,
        idempotent: desc.idempotent,
        create: desc.create,
        timeout_ms: desc.timeout_ms,
    }
}

/// What an app has told about a method, as calls of it want it. Its texts are leaked: keep what is described.
///
/// # Errors
/// The path is none.
pub fn describe(info: &MethodInfo) -> Result<MethodDesc, String> {
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
        key: (info.key != 0).then_some(KeyField {
            number: info.key,
            kind,
            narrow: info.key_narrow,
        }),
        key_from_player: info.key_from_player,
        route: match info.route() {
            method_info::Route::Random => Route::Random,
            method_info::Route::Hash => Route::Hash,
            method_info::Route::Single => Route::Single,
            method_info::Route::LeastLoad => Route::LeastLoad,
        },
        oneway: info.oneway,
        trace: info.trace,
        client: info.client,
        durable: info.durable,
        idempotent: info.idempotent,
        create: info.create,
        timeout_ms: info.timeout_ms,
        // Of no use to callers.
        keep_on_error: false,
    })
}

fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}
