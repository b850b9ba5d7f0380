//! Identity, errors, the door to the world and the seams: what every other part of Guildhall stands on.
//!
//! Reading order: [`id`] and [`key`] name things, [`status`] is how calls fail, [`mod@env`] is the only way to the clock, random
//! numbers, sockets and tasks, [`config`] is where limits come from, and [`discovery`], [`broker`], [`leases`], [`queue`],
//! [`store`] and [`backend`] are the seams that vendors implement.

mod text;
pub mod hash;
pub mod env;
pub mod id;
pub mod key;
pub mod status;
pub mod rpc;
pub mod config;
mod start;
pub mod metrics;
pub mod discovery;
pub mod broker;
pub mod queue;
pub mod store;
pub mod leases;
pub mod backend;

pub use backend::{Backend, BackendError, Opening, Plugin};
pub use config::Config;
pub use env::Env;
pub use guildhall_wire::outside::{Outside, outside};
pub use id::{Address, AppId, Incarnation, LogicAddr, ParseIdError};
pub use key::{ActorKey, KEY_LEN_MAX, Key, KeyKind, KeyText, NoKey, slot_of};
pub use rpc::{KeyField, Method, MethodDesc, Model, Route, ServiceDesc};
pub use start::StartError;
pub use status::{Code, Effect, ErrorEnum, Status};
pub use text::read_text;

/// A boxed future that can be sent between threads; what object-safe seams return.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
