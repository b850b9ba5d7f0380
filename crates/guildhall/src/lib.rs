//! Guildhall: backends of games, written once as protobuf services, run as one process or as a cluster.
//!
#![doc = include_str!("../../../README.md")]

#[doc(hidden)]
pub mod codegen;

pub use guildhall_core::config::{Config, ConfigBuilder, ConfigError};
pub use guildhall_core::{
    Address, AppId, BoxFuture, Code, Effect, Env, ErrorEnum, Key, LogicAddr, Method, Plugin, Status,
};
pub use guildhall_core::{broker, discovery, env, leases, queue, status, store};
pub use guildhall_entity as entity;
#[cfg(feature = "gate")]
pub use guildhall_gate as gate;
pub use guildhall_http as http;
#[cfg(feature = "mutations")]
pub use guildhall_runtime::Mutation;
pub use guildhall_runtime::{
    Actor, ActorServices, ActorSetup, Actors, App, Apps, CallHandle, Component, Cx, HookError,
    Parts, RunningApp, Service, StartError, Stream, Subscribed, Timer, Turn, Why,
};
pub use guildhall_runtime::{
    ActorConfig, AdminConfig, AppConfig, BrokerConfig, CallConfig, LinkConfig, LogConfig,
    LogControl, MeshChanges, SaveConfig, ServiceConfig, StreamConfig,
};
pub use guildhall_runtime::{
    BreakerConfig, BreakerKind, LimitConfig, Loading, RateConfig, Reloaded, ResourceConfig,
    ResourceError, RouteConfig, RouteRuleConfig,
};
pub use guildhall_runtime::{Lease, LeaseGuard, LeaseLoss};
pub use guildhall_runtime::{OutboxConfig, OutboxMessage, Schedule};
pub use guildhall_runtime::{Rows, RowsPage, RowsQuery, StoreConfig};
pub use guildhall_runtime::{metrics, trace};
#[doc(hidden)]
pub use prost;
pub use prost::bytes::Bytes;
#[doc(hidden)]
pub use prost_types;

/// What `main` of an app returns.
pub type Result<T = (), E = StartError> = std::result::Result<T, E>;

/// Includes what `guildhall_build::compile` generated for a package: `guildhall::include_proto!("hello");`.
#[macro_export]
macro_rules! include_proto {
    ($package:literal) => {
        include!(concat!(env!("OUT_DIR"), "/", $package, ".rs"));
    };
}
