//! Identity, errors, the door to the world and the seams: what every other part of Guildhall stands on.
//!
//! Reading order: [`id`] and [`key`] name things, [`status`] is how calls fail, [`mod@env`] is the only way to the clock, random
//! numbers, sockets and tasks, [`config`] is where limits come from, and [`discovery`], [`broker`], [`leases`], [`queue`],
//! [`store`] and [`backend`] are the seams that vendors implement.

pub mod backend;
pub mod broker;
pub mod config;
pub mod discovery;
pub mod env;
pub mod hash;
pub mod id;
pub mod key;
pub mod leases;
pub mod metrics;
pub mod queue;
pub mod rpc;
mod start;
pub mod status;
pub mod store;
mod text;

pub use backend::{Backend, BackendError, Opening, Plugin};
pub use config::Config;
pub use env::Env;
pub use guildhall_wire::outside::{Outside, outside};
pub use id::{Address, AppId, Incarnation, LogicAddr, ParseIdError};
pub use key::{ActorKey, KEY_LEN_MAX, Key, NoKey, slot_of};
pub use rpc::{KeyField, KeyKind, KeyText, Method, MethodDesc, Model, Route, ServiceDesc};
pub use start::StartError;
pub use status::{Code, Effect, ErrorEnum, Status};
pub use text::read_text;

/// A boxed future that can be sent between threads; what object-safe seams return.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
