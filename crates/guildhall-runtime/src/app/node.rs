//! The framework service of every app that describes its services, for gates and tools.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use guildhall_core::{ServiceDesc, Status};
use guildhall_wire::Session;

use crate::actor::{ActorPart, AnyHost};
use crate::app::DrainAsked;
use crate::call::{Cx, described};
use crate::observe::seams::{SeamNow, Seams};
use crate::proto::{
    ActorInfo, ActorName, ActorsRsp, BackendInfo, BackendsRsp, DrainReq, DrainRsp, Node, ReloadReq,
    ReloadRsp, ServerInfo, ServiceInfo, ServicesRsp, SessionOverMsg,
};
use crate::serve::reload::{Reloaded, Reloads};

/// Answers for the app that it runs in.
#[derive(Debug, Default)]
pub(crate) struct ThisNode {
    answer: OnceLock<ServicesRsp>,
}

impl Node for ThisNode {
    async fn services(&self, cx: &Cx, _req: ()) -> Result<ServicesRsp, Status> {
        let services = || cx.core.services.descs.iter().map(|desc| service(desc)).collect();
        Ok(self.answer.get_or_init(|| ServicesRsp { services: services() }).clone())
    }

    async fn reload(&self, cx: &Cx, _req: ReloadReq) -> Result<ReloadRsp, Status> {
        let Reloaded { changed, needs_restart } =
            cx.core.part::<Reloads>().reload(&cx.core).await?;
        Ok(ReloadRsp { changed, needs_restart })
    }

    async fn drain(&self, cx: &Cx, _req: DrainReq) -> Result<DrainRsp, Status> {
        tracing::info!(asked_by = ?cx.caller(), "drain requested");
        let DrainAsked { asked, drain_ms } = cx.core.part();
        asked.cancel();
        Ok(DrainRsp { drain_ms: *drain_ms })
    }

    async fn actors(&self, cx: &Cx, _req: ()) -> Result<ActorsRsp, Status> {
        let info = |host: &Arc<dyn AnyHost>| {
            let slots = host.slots().counts();
            ActorInfo {
                name: host.name().to_owned(),
                active: host.count() as u64,
                slots_served: slots.served,
                slots: slots.all,
                slots_suspended: slots.suspended,
                slots_moving: slots.moving,
            }
        };
        Ok(ActorsRsp { actors: cx.core.part::<ActorPart>().hosts.iter().map(info).collect() })
    }

    async fn backends(&self, cx: &Cx, _req: ()) -> Result<BackendsRsp, Status> {
        let seams = cx.core.health.seams().map(Seams::now).unwrap_or_default();
        Ok(BackendsRsp { backends: seams.into_iter().map(backend).collect() })
    }

    async fn session_over(&self, cx: &Cx, msg: SessionOverMsg) -> Result<(), Status> {
        let SessionOverMsg { player, session, actors } = msg;
        let session = Arc::new(Session { player, session, ..Session::default() });
        for ActorName { r#type, key } in actors {
            if let Some(host) =
                cx.core.part::<ActorPart>().hosts.iter().find(|host| host.name() == r#type)
            {
                host.session_over(&key, &session);
            }
        }
        Ok(())
    }
}

fn backend(seam: SeamNow) -> BackendInfo {
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let SeamNow { name, url, open, health } = seam;
    let server = health.map(|health| {
        let (lasts, why) = health.outage.unzip();
        ServerInfo {
            addresses: health.server,
            answered_ms: health.answered.map(ms),
            outage_ms: lasts.map(ms),
            why: why.unwrap_or_default(),
        }
    });
    BackendInfo { seam: name.to_owned(), url, open, server }
}

fn service(desc: &'static ServiceDesc) -> ServiceInfo {
    ServiceInfo {
        name: desc.name.to_owned(),
        methods: desc.methods.iter().map(described::method).collect(),
        descriptors: bytes::Bytes::from_static(desc.descriptors),
    }
}
