//! A client of a gate: for bots, command lines and tests.
//!
//! [`Client::connect`] logs in and starts one task that owns the connection; [`Client::call`] and [`Client::cast`] send
//! commands, [`Events`] is what comes back unasked. A lost connection fails the calls that wait at once, each saying whether it
//! may have run, and is dialled again in the background. Everything goes through [`Env`](guildhall_core::Env), so that a client
//! also runs in a simulator.
//!
//! ```no_run
//! use guildhall_client::{Client, Event, Options};
//! use guildhall_core::Env;
//! use proto::hello::{GreeterClient, HelloReq};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let env = Env::real();
//! let (client, mut events) = Client::connect(&env, "tcp://127.0.0.1:7000", "token", Options::default()).await?;
//! let hello = client.call(GreeterClient::SAY, HelloReq { name: "Ada".into() }).await?;
//! println!("{} hears: {}", client.player(), hello.text);
//! while let Some(event) = events.next().await {
//!     match event {
//!         Event::Push(push) => println!("push {} of {} bytes", push.seq, push.body.len()),
//!         Event::Reset | Event::Missed(_) | Event::Back { resumed: false } => println!("load everything again"),
//!         other => println!("{other:?}"),
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! | bound | option | what happens beyond it |
//! |---|---|---|
//! | calls that wait | [`Options::pending_max`] | `OVERLOADED`, `NotRun` |
//! | bytes that wait for the socket | [`Options::queued_max`] | `OVERLOADED`, `NotRun` |
//! | one packet | [`Options::packet_max`] | sent: `TOO_LARGE`, `NotRun`; received: the connection is closed |
//! | events that wait for their reader | [`Options::events_max`] | the oldest are dropped and counted: [`Event::Missed`] |
//! | attempts to connect again | [`Options::attempts_max`] | [`Event::GaveUp`], and the client is over |

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
