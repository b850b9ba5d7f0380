//! Ownership, joined to this runtime: which slots are here is decided by `guildhall_ownership`; this gives it the mesh, the hosts of the
//! actors and the lease backend, and carries its requests between apps.
//!
//! | module | what |
//! |---|---|
//! | `mesh_here` | the mesh: targets of slots, and requests to other apps |
//! | `service` | requests of other apps: the framework service `Ownership` |
//! | `redirect` | calls for slots that are elsewhere, or late |
//! | `lease` | `cx.lease` |

mod mesh_here;
mod service;
mod redirect;
mod lease;

use std::sync::{Arc, Weak};

use guildhall_core::store::Holder;
use guildhall_core::{AppId, BoxFuture, Env};
use guildhall_ownership::{
    BrokenRule, LeaseBackend, Ownership, OwnershipConfig, OwnershipMeters, Payload, Setup,
    SlotHost, SlotTable,
};

use crate::call::{Core, Cx};
use crate::mutation::Mutation;
use mesh_here::MeshHere;

pub(crate) use redirect::redirect;
pub(crate) use service::OwnershipHere;

/// Name under which the health of the lease session is reported.
const PART: &str = "leases";

/// The actors of one type, as [`SlotHost`] for an app that is not made yet.
pub(crate) trait Owned: Send + Sync {
    /// The slots.
    fn table(&self) -> &SlotTable;
    /// As [`SlotHost::serve_slot`].
    fn serve(self: Arc<Self>, cx: &Cx, slot: u32, payloads: Vec<Payload>);
    /// As [`SlotHost::leave_slot`].
    fn leave<'a>(
        &'a self,
        slot: u32,
        to: &'a AppId,
        env: &'a Env,
    ) -> BoxFuture<'a, Option<Vec<Payload>>>;
    /// As [`SlotHost::drop_slot`].
    fn drop_slot(&self, slot: u32, to: Option<&AppId>);
}

/// Makes the ownership of an app.
pub(crate) fn open(
    core: &Arc<Core>,
    config: OwnershipConfig,
    hosts: Vec<Arc<dyn Owned>>,
    backend: LeaseBackend,
    meters: OwnershipMeters,
) -> Arc<Ownership> {
    let host = |host| Arc::new(HostOf { core: Arc::downgrade(core), host }) as Arc<dyn SlotHost>;
    let health = Arc::clone(&core.health);
    Ownership::new(Setup {
        env: core.env.clone(),
        holder: Holder { app: core.id.clone(), incarnation: core.incarnation },
        config,
        mesh: Arc::new(MeshHere::new(core)),
        hosts: hosts.into_iter().map(host).collect(),
        backend,
        report: Box::new(move |is| health.set(PART, is)),
        meters,
        draining: core.draining.clone(),
        broken_rule: match core.mutation {
            Some(Mutation::DeadlineOfAnswers) => Some(BrokenRule::DeadlineOfAnswers),
            Some(Mutation::LeaseBeforeServing) => Some(BrokenRule::LeaseBeforeServing),
            _ => None,
        },
    })
}

/// The actors of one type in an app. It must not keep the app, which keeps it; once the app is gone, nothing is served.
struct HostOf {
    core: Weak<Core>,
    host: Arc<dyn Owned>,
}

impl SlotHost for HostOf {
    fn table(&self) -> &SlotTable {
        self.host.table()
    }

    fn serve_slot(&self, slot: u32, payloads: Vec<Payload>) {
        if let Some(core) = self.core.upgrade() {
            Arc::clone(&self.host).serve(&Cx::outside(&core), slot, payloads);
        }
    }

    fn leave_slot<'a>(&'a self, slot: u32, to: &'a AppId) -> BoxFuture<'a, Option<Vec<Payload>>> {
        Box::pin(async move {
            let core = self.core.upgrade()?;
            self.host.leave(slot, to, &core.env).await
        })
    }

    fn drop_slot(&self, slot: u32, to: Option<&AppId>) {
        self.host.drop_slot(slot, to);
    }
}
