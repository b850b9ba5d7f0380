//! The service that every app has: what it serves, for gates and tools.

use std::sync::OnceLock;

use guildhall_core::{KeyKind, MethodDesc, Model, Route, ServiceDesc, Status};

use crate::codegen::Cx;
use crate::proto::{MethodInfo, Node, ReloadReq, ReloadRsp, ServiceInfo, ServicesRsp, method_info};
use crate::reload::Reloaded;

/// Answers for the app that it runs in.
#[derive(Debug, Default)]
pub(crate) struct ThisNode {
    answer: OnceLock<ServicesRsp>,
}

impl Node for ThisNode {
    async fn services(&self, cx: &Cx, _req: ()) -> Result<ServicesRsp, Status> {
        let services = || cx.app.services.descs.iter().map(|desc| service(desc)).collect();
        Ok(self.answer.get_or_init(|| ServicesRsp { services: services() }).clone())
    }

    async fn reload(&self, cx: &Cx, _req: ReloadReq) -> Result<ReloadRsp, Status> {
        let Reloaded { changed, needs_restart } = cx.app.reload().await?;
        Ok(ReloadRsp { changed, needs_restart })
    }
}

fn service(desc: &'static ServiceDesc) -> ServiceInfo {
    ServiceInfo {
        name: desc.name.to_owned(),
        methods: desc.methods.iter().map(method).collect(),
        descriptors: bytes::Bytes::from_static(desc.descriptors),
    }
}

fn method(desc: &MethodDesc) -> MethodInfo {
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
