//! A client of a gate: for bots, command lines and tests.
//!
//! [`Client::connect`] logs in and starts one task that owns the connection. [`Client::call`] and [`Client::cast`] send commands;
//! [`Events`] receives pushes and changes of the connection. When the connection is lost, the calls in flight fail at once, each with its
//! effect, and the client reconnects in the background. All I/O goes through [`Env`](guildhall_core::Env), so a client also runs in
//! the simulator.
//!
//! ```no_run
//! use guildhall::Env;
//! use guildhall_client::{Client, Event, Options};
//! use proto::hello::{GreeterClient, HelloReq};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let env = Env::real();
//! let (client, mut events) = Client::connect(&env, "tcp://127.0.0.1:7000", "token", Options::default()).await?;
//! let hello = client.call(GreeterClient::SAY, HelloReq { name: "Ada".into() }).await?;
//! println!("{}: {}", client.player(), hello.text);
//! while let Some(event) = events.next().await {
//!     match event {
//!         Event::Push(push) => println!("push {} of {} bytes", push.seq, push.body.len()),
//!         Event::Reset | Event::Missed(_) | Event::Back { resumed: false } => println!("load the state again"),
//!         other => println!("{other:?}"),
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! | bound | option | beyond it |
//! |---|---|---|
//! | Calls in flight | [`Options::pending_max`] | `OVERLOADED`, `NotRun` |
//! | Bytes that wait for the socket | [`Options::queued_max`] | `OVERLOADED`, `NotRun` |
//! | Size of a packet | [`Options::packet_max`] | Sent: `TOO_LARGE`, `NotRun`; received: the connection is closed |
//! | Unread events | [`Options::events_max`] | The oldest are dropped and counted: [`Event::Missed`] |
//! | Attempts to reconnect | [`Options::attempts_max`] | [`Event::GaveUp`], and the client ends |

mod options;
mod error;
mod address;
mod events;
mod commands;
mod socket;
mod connect;
mod line;
mod driver;
mod client;

pub use client::Client;
pub use error::{ConnectError, Lost};
pub use events::{Event, Events, Push};
pub use guildhall_wire::Kick;
pub use options::Options;
