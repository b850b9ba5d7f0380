//! The foundation of all other crates: identity, errors, configuration, access to the outside world, and the backend seams.
//!
//! | module | contents |
//! |---|---|
//! | [`id`], [`key`] | Identities of apps, keys of actors and rows |
//! | [`status`] | Errors of calls: code, reason, effect |
//! | [`mod@env`] | The only access to clock, random numbers, sockets and tasks |
//! | [`config`] | Layered configuration |
//! | [`metrics`] | Counters, gauges, histograms, summaries |
//! | [`rate`] | Rate limits |
//! | [`rpc`] | Descriptions of services and methods |
//! | [`discovery`], [`broker`], [`queue`], [`leases`], [`store`] | The seams that plugins implement, with in-memory implementations |
//! | [`backend`] | [`Plugin`] and [`Backend`]: how a URL opens these seams |

mod text;
pub mod hash;
pub mod env;
pub mod rate;
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
pub use start::{StartError, StartErrorKind};
pub use status::{Code, Effect, ErrorEnum, Reason, Status};
pub use text::read_text;

/// A boxed future that is `Send`: the return type of object-safe traits.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
