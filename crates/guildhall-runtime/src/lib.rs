//! The runtime: an app's life, calls between apps, the links that carry them, and actors.
//!
//! Reading order: [`App`] builds and starts; [`Cx`] is what a handler and a caller hold; `call` routes and retries; `mesh` is
//! the view of who serves what; `link` moves frames; `service` dispatches what arrives; `actor` runs it where it has a key, `lane`
//! where the calls of a service wait for each other. [`codegen`] is for generated code.

// Generated code names `::guildhall`, also here.
extern crate self as guildhall;

mod actor;
mod admin;
mod app;
mod apps;
mod arrive;
mod backends;
mod call;
mod callback;
mod chain;
#[doc(hidden)]
pub mod codegen;
mod command;
mod component;
mod config;
mod counters;
mod cx;
mod forged;
mod health;
mod ids;
mod interned;
mod lane;
mod limits;
mod log;
mod mesh;
mod mutation;
mod node;
mod numbers;
mod outage;
mod ownership;
#[doc(hidden)]
pub mod proto;
mod push;
pub mod raw;
mod raw_cast;
mod reload;
mod reply;
mod resources;
mod rows;
mod service;
mod signals;
mod stream;
mod topic;
pub mod trace;
mod trips;
mod turn;

pub use actor::{Actor, ActorConfig, ActorService, ActorServices, ActorSetup, Actors, And};
pub use actor::{OutboxConfig, OutboxMessage, Schedule, Timer, Why};
pub use admin::AdminConfig;
pub use app::{App, HookError, RunningApp};
pub use apps::Apps;
pub use call::Parts;
pub use callback::CallHandle;
pub use component::Component;
pub use config::{AppConfig, CallConfig, SaveConfig, StoreConfig};
pub use cx::Cx;
pub use guildhall_core::{StartError, metrics};
pub use guildhall_link::LinkConfig;
pub use lane::{ServiceConfig, Turn};
pub use limits::{BreakerConfig, BreakerKind, LimitConfig, RateConfig};
pub use log::{LogConfig, LogControl};
pub use mesh::{MeshChanges, RouteConfig, RouteRuleConfig};
#[cfg(feature = "mutations")]
pub use mutation::Mutation;
pub use ownership::{Held, Lease, Lost};
#[doc(hidden)]
pub use prost;
#[doc(hidden)]
pub use prost_types;
pub use reload::Reloaded;
pub use resources::{Loading, ResourceConfig, ResourceError};
pub use rows::{Rows, RowsPage, RowsQuery};
pub use service::Service;
pub use stream::{Stream, StreamConfig};
pub use topic::{BrokerConfig, Subscribed};
