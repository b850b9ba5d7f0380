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

use std::sync::Arc;

use guildhall_core::store::Holder;
use guildhall_ownership::{
    BrokenRule, LeaseBackend, Ownership, OwnershipConfig, OwnershipMeters, Setup, SlotHost,
};

use crate::call::Core;
use crate::mutation::Mutation;
use mesh_here::MeshHere;

pub(crate) use redirect::redirect;
pub(crate) use service::OwnershipHere;

/// Name under which the health of the lease session is reported.
const COMPONENT: &str = "leases";

/// Makes the ownership of an app.
pub(crate) fn open(
    core: &Arc<Core>,
    config: OwnershipConfig,
    hosts: Vec<Arc<dyn SlotHost>>,
    backend: LeaseBackend,
    meters: OwnershipMeters,
) -> Arc<Ownership> {
    let health = Arc::clone(&core.health);
    Ownership::new(Setup {
        env: core.env.clone(),
        holder: Holder { app: core.id.clone(), incarnation: core.incarnation },
        config,
        mesh: Arc::new(MeshHere::new(core)),
        hosts,
        backend,
        report: Box::new(move |is| health.set(COMPONENT, is)),
        meters,
        draining: core.draining.clone(),
        broken_rule: match core.mutation {
            Some(Mutation::DeadlineOfAnswers) => Some(BrokenRule::DeadlineOfAnswers),
            Some(Mutation::LeaseBeforeServing) => Some(BrokenRule::LeaseBeforeServing),
            _ => None,
        },
    })
}
