//! The gate: clients' connections over TCP and WebSocket, their sessions, and the way of their calls and pushes.
//!
//! Reading order: [`Gate`] is the component that an app runs; `accept` lets connections in, `connection` drives each in one
//! task, `transport` is its bytes and `form` their shape; `methods` is what clients may call, `key` and `json` what happens to
//! a body on the way; `clients`, `push` and `deliver` are the way back; [`SessionActor`] says which login of a player counts.
//!
//! | promise | where |
//! |---|---|
//! | no packet before HELLO gets further than a counter | `connection` |
//! | a player's key comes from the session, whatever the body says | `key` |
//! | binary bodies are not decoded | `connection/calls` |
//! | a push is encoded once for all clients of a form | `push` |
//! | one task per connection | `connection` |

mod config;
mod auth;
mod json;
mod key;
mod limit;
mod methods;
mod out;
mod form;
mod clients;
mod session;
mod stats;
mod transport;
mod connection;
mod accept;
mod gate;
mod push;
mod deliver;

pub use auth::{Authenticate, Identity};
pub use config::{GateConfig, JwtConfig};
pub use gate::Gate;
#[doc(inline)]
pub use guildhall_runtime::proto::{
    OpenReq, OpenRsp, PushReq, SESSION, Session, SessionReq, SessionServer,
};
pub use session::{Connected, SessionActor};
pub use stats::GateStats;
