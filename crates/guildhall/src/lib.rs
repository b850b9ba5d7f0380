//! Guildhall is a framework for game backends: services are declared in protobuf and implemented in plain Rust, and the same program
//! runs as one process or as a cluster.
//!
//! An [`App`] serves services. A handler gets a [`Cx`], from which generated clients make calls to services in any app of the
//! cluster. State with one owner per key is an [`Actor`], whose entity is saved in a store. Clients connect through a
#![cfg_attr(feature = "gate", doc = "[gate](gate::Gate).")]
#![cfg_attr(not(feature = "gate"), doc = "gate (feature `gate`).")]
//!
//! # A first program
//!
//! `proto/hello.proto`:
//!
//! ```protobuf
#![doc = include_str!("../../../examples/proto/proto/hello.proto")]
//! ```
//!
//! `build.rs`, with `guildhall-build` as a build dependency:
//!
//! ```ignore
//! fn main() -> guildhall_build::Result {
//!     guildhall_build::compile(&["proto/hello.proto"], &["proto"])
//! }
//! ```
//!
//! `src/main.rs`:
//!
//! ```no_run
//! # /*
//! mod hello {
//!     guildhall::include_proto!("hello");
//! }
//! # */
//! # use proto::hello;
//! use guildhall::{App, Cx, Status};
//! use hello::{Greeter, GreeterServer, HelloReq, HelloRsp};
//!
//! struct Hello;
//!
//! impl Greeter for Hello {
//!     async fn say(&self, _cx: &Cx, req: HelloReq) -> Result<HelloRsp, Status> {
//!         Ok(HelloRsp { text: format!("hello, {}", req.name) })
//!     }
//! }
//!
//! fn main() -> guildhall::Result {
//!     App::load()?.serve(GreeterServer::new(Hello)).run()
//! }
//! ```
//!
//! [`App::load`] reads `guildhall.toml`, the environment and the command line; [`App::run`] serves until SIGTERM and then drains. Tests
//! use [`App::with`] and [`App::start`] instead. `guildhall new NAME` creates such a project with an actor and a simulated test. Each
//! file in `crates/guildhall/examples` shows one feature.
//!
//! # Map
//!
//! | for | types and modules |
//! |---|---|
//! | Building and running an app | [`App`], [`RunningApp`], [`Component`], [`Parts`], [`StartError`], [`StartErrorKind`], [`HookError`], [`Result`] |
//! | Configuration | [`Config`], [`config`] |
//! | Calls | [`Cx`], [`Status`], [`Code`], [`Reason`], [`Effect`], [`status`], [`CallHandle`], [`Apps`] |
//! | Actors | [`Actor`], [`ActorCx`], [`ActorServices`], [`Actors`], [`DeactivateReason`], [`Timer`], [`Schedule`], [`OutboxMessage`] |
//! | INTERLEAVED services | [`Interleaved`] |
//! | Entities and rows without an actor | [`entity`], [`Rows`], [`RowsQuery`], [`RowsPage`] |
//! | Game leases | [`Lease`], [`LeaseGuard`], [`LeaseLoss`] |
//! | Topics, streams | [`Subscribed`], [`Stream`] |
//! | Game data | [`Loading`], [`ResourceError`], [`Reloaded`] |
#![cfg_attr(feature = "gate", doc = "| Clients | [`gate`] |")]
//! | HTTP servers of a game | [`http`] |
//! | Metrics, traces, logs | [`metrics`], [`trace`], [`LogControl`] |
//! | Identity | [`AppId`], [`LogicAddr`], [`Address`], [`Key`] |
//! | Clock, random numbers, sockets, tasks | [`Env`], [`mod@env`] |
//! | Rate limits | [`rate`] |
//! | Backends: the traits that plugins implement | [`Plugin`], [`discovery`], [`broker`], [`queue`], [`leases`], [`store`] |
//!
//! Related crates: `guildhall-build` (code generation), `guildhall-client` (a client of a gate), `guildhall-testkit` (simulated clusters),
//! `guildhall-redb` and `guildhall-hub` (backends).
//!
//! # Features
//!
//! | feature | default | effect |
//! |---|---|---|
//! | `gate` | yes | Client connections: the module `gate` |
//! | `mutations` | no | `App::without` switches a rule of ownership off, for tests of the test suite |

#[doc(hidden)]
pub mod codegen;
pub mod config;

pub use config::Config;
pub use guildhall_core::{
    Address, AppId, BoxFuture, Code, Effect, Env, ErrorEnum, Key, LogicAddr, Method, Plugin,
    Reason, Status,
};
pub use guildhall_core::{broker, discovery, env, leases, queue, rate, status, store};
/// Entities: persistent state with change tracking, generated from messages with `option (guildhall.entity)`.
///
/// # Examples
/// An entity of `message CounterState { string id = 1; int64 value = 2; string note = 3; }`, in an actor or in a closure of
/// [`Rows::change`]:
///
/// ```
/// use proto::counter::CounterStateEntity;
///
/// fn increment(state: &mut CounterStateEntity) -> i64 {
///     // `value_mut` and `set_note` mark their columns as changed; a save writes only these.
///     *state.value_mut() += 1;
///     state.set_note("incremented".to_owned());
///     // The entity reads like the message.
///     state.value
/// }
/// ```
pub use guildhall_entity as entity;
#[cfg(feature = "gate")]
pub use guildhall_gate as gate;
pub use guildhall_http as http;
#[cfg(feature = "mutations")]
pub use guildhall_runtime::Mutation;
pub use guildhall_runtime::{
    Actor, ActorCx, ActorServices, Actors, App, Apps, CallHandle, Component, Cx, DeactivateReason,
    HookError, Interleaved, Lease, LeaseGuard, LeaseLoss, Loading, LogControl, MeshChanges,
    OutboxMessage, Parts, Reloaded, ResourceError, Rows, RowsPage, RowsQuery, RunningApp, Schedule,
    Service, StartError, StartErrorKind, Stream, Subscribed, Timer,
};
pub use guildhall_runtime::{metrics, trace};
#[doc(hidden)]
pub use prost;
pub use prost::bytes::Bytes;
#[doc(hidden)]
pub use prost_types;

/// The result of `main` of an app, whose error is a [`StartError`].
pub type Result<T = (), E = StartError> = std::result::Result<T, E>;

/// Includes the code that `guildhall_build::compile` generated for a package: `guildhall::include_proto!("hello");`.
#[macro_export]
macro_rules! include_proto {
    ($package:literal) => {
        include!(concat!(env!("OUT_DIR"), "/", $package, ".rs"));
    };
}

/// The programs of README.md compile.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
