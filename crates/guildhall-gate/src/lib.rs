//! The gate: client connections over TCP and WebSocket, sessions, calls of clients and pushes to them.
//!
//! Reading order: [`Gate`] is the component that an app runs. `accept` accepts connections, up to the limits of `places`; `connection` drives each in one task,
//! `transport` reads and writes its bytes, and `form` is their encoding (binary or JSON). `edge` is the state that all connections share. `methods` knows the methods that clients may
//! call; `key` and `json` process the body of a call. `clients`, `push` and `deliver` send pushes. [`SessionActor`] orders the logins of
//! a player.
//!
//! | promise | module |
//! |---|---|
//! | Packets before HELLO are counted and dropped | `connection` |
//! | The key of a call is the session's player, whatever the body contains | `key` |
//! | Binary bodies are not decoded | `connection/calls` |
//! | A push is encoded once per encoding, not per client | `push` |
//! | A connection has one task | `connection` |

mod stats;
mod config;
mod auth;
mod json;
mod key;
mod limit;
mod methods;
mod out;
mod form;
mod places;
mod tls;
mod clients;
mod edge;
mod session;
mod push;
mod deliver;
mod transport;
mod connection;
mod accept;
mod gate;

pub use auth::{Authenticate, Identity};
pub use config::{GateConfig, JwtConfig};
pub use gate::Gate;
#[doc(inline)]
pub use guildhall_runtime::proto::{
    OpenReq, OpenRsp, PushReq, SESSION, Session, SessionReq, SessionServer,
};
pub use session::{Connected, SessionActor};
pub use stats::GateStats;
