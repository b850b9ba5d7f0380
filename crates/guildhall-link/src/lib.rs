//! Links: the connections between apps, the frames on them, the handshake that opens them, and the calls that wait for a reply.
//!
//! A link knows no services. It carries an [`Arrival`] to whatever [`Dispatch`] it serves, with a [`ReplyPort`] for the answer.
//! Only the side that has dialled makes calls; replies come back on the same connection.
//!
//! Reading order: [`Link`] makes calls; [`serve()`] answers them; `handshake` proves both sides to each other; [`connect()`] keeps
//! links to an address open and [`listen`] accepts those of others.

mod config;
mod meters;
mod out;
mod pending;
mod status_frame;
mod socket;
mod tls;
mod endpoint;
mod reply;
mod dispatch;
mod alive;
mod idle;
mod handshake;
mod link;
mod redial;
mod running;
mod serve;
mod connect;
mod on_demand;
mod accept;

pub use accept::listen;
pub use config::LinkConfig;
pub use connect::{Line, Peers, Place, connect, dial};
pub use dispatch::{Arrival, Body, Dispatch, HandlerFuture};
pub use endpoint::{Endpoint, LinkMeters};
pub use handshake::Opened;
pub use idle::Quiet;
pub use link::{Link, put_request};
pub use meters::{Answered, CallMeters, ServedMeters};
pub use on_demand::{Demand, Wanted, connect_on_demand};
pub use reply::{Cancel, ReplyPort};
pub use serve::serve;
pub use socket::Socket;
pub use status_frame::{status_body, status_from_frame};
pub use tls::Tls;
