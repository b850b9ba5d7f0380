//! HTTP/1.1 servers on the sockets of [`Env`](guildhall_core::Env), made for requests from the open internet.
//!
//! Every wait of a connection has a deadline: for the head of a request, its body, its answer, the next request. Connections are
//! bounded in total and per address. At a bound, a new connection replaces the one that has waited longest for its client, so idle
//! connections cannot keep new clients out.
//!
//! | module | contents |
//! |---|---|
//! | `limits` | [`Limits`]: all bounds |
//! | `server` | [`Server`]: accepts connections until it is stopped |
//! | `places` | The open connections, and which one is replaced at a bound |
//! | `seat` | What a connection waits for, and until when |
//! | `drive` | One connection, from its first byte to its end |
//! | `exchange` | One request: its body, the service, the answer |
//! | `message` | [`Request`], [`Answer`] and [`Service`] |
//! | `cors` | [`Origins`]: web sites whose pages may read answers |
//! | `io` | [`Io`]: adapts a connection of `Env` to hyper |

mod cors;
mod limits;
mod message;
mod seat;
mod io;
mod places;
mod exchange;
mod drive;
mod server;

pub use cors::Origins;
pub use hyper::{HeaderMap, Method, StatusCode, header};
pub use io::Io;
pub use limits::Limits;
pub use message::{Answer, Refused, Request, Service};
pub use server::Server;
