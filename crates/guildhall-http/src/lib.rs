//! HTTP/1.1 servers on the sockets of [`Env`](guildhall_core::Env), made for requests from the open internet.
//!
//! Every wait of a connection has a deadline: for the head of a request, its body, its answer, the next request. Connections are
//! bounded in total and per address. At a bound a new connection takes the place of the one that has waited longest for its own
//! client, so clients that connect and say nothing never keep others out.
//!
//! | module | what |
//! |---|---|
//! | `limits` | [`Limits`]: all bounds, and their meaning |
//! | `server` | [`Server`]: accepts connections until it is stopped |
//! | `places` | how many connections there are, and which one has to go |
//! | `seat` | what a connection waits for, and until when |
//! | `drive` | one connection, from its first byte to its end |
//! | `exchange` | one request: its body, the service, the answer |
//! | `message` | [`Request`], [`Answer`] and [`Service`]: what a server is made of |
//! | `cors` | [`Origins`]: pages of which sites may read answers |
//! | `io` | [`Io`]: a connection of `Env` for hyper |

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
