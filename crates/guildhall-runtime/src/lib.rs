//! The runtime: an app's life, calls between apps, the links that carry them, and actors.
//!
//! The modules are declared in the order of the layers: each uses only what stands before it. Reading order, from the top: [`App`]
//! (`app`) builds and starts; `actor` runs calls that have a key, and saves what they change; `serve` limits calls, queues and streams
//! them; `call` has the context that handlers and callers hold ([`Cx`]), the mesh and the way of a call; `observe` logs, traces and
//! counts. Below them are the crates `guildhall-ownership`, `guildhall-link` and `guildhall-core`. [`codegen`] is for generated code.

// Generated code names `::guildhall`, also here.
extern crate self as guildhall;

mod config;
mod mutation;
#[doc(hidden)]
pub mod proto;
mod observe;
mod call;
mod ownership;
mod serve;
mod actor;
#[doc(hidden)]
pub mod codegen;
mod app;

pub use actor::{Actor, ActorConfig, ActorCx, ActorServices, Actors};
pub use actor::{DeactivateReason, OutboxConfig, OutboxMessage, Schedule, Timer};
pub use app::{App, HookError, RunningApp};
pub use config::{AppConfig, CallConfig, SaveConfig, StoreConfig};
pub use guildhall_core::{StartError, StartErrorKind, metrics};
pub use guildhall_link::LinkConfig;
pub use guildhall_ownership::{Lease, LeaseGuard, LeaseLoss};
#[cfg(feature = "mutations")]
pub use mutation::Mutation;
#[doc(hidden)]
pub use prost;
#[doc(hidden)]
pub use prost_types;

pub use app::admin::AdminConfig;
pub use app::component::Component;
pub use call::apps::Apps;
pub use call::callback::CallHandle;
pub use call::mesh::{MeshChanges, RouteConfig, RouteRuleConfig};
pub use call::service::Service;
pub use call::{Cx, Parts, raw};
pub use observe::log::{LogConfig, LogControl};
pub use observe::trace;
pub use serve::lane::{Interleaved, ServiceConfig};
pub use serve::limits::{BreakerConfig, BreakerKind, LimitConfig, RateConfig};
pub use serve::reload::Reloaded;
pub use serve::resources::{Loading, ResourceConfig, ResourceError};
pub use serve::rows::{Rows, RowsPage, RowsQuery};
pub use serve::stream::{Stream, StreamConfig};
pub use serve::topic::{BrokerConfig, Subscribed};
