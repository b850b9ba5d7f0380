//! The runtime: an app's life, calls between apps, and the links that carry them.
//!
//! Reading order: [`App`] builds and starts; [`Cx`] is what a handler and a caller hold; `call` routes and retries; `mesh` is
//! the view of who serves what; `link` moves frames; `service` dispatches what arrives. [`codegen`] is for generated code.

mod app;
mod call;
pub mod codegen;
mod config;
mod cx;
mod link;
mod mesh;
mod out;
mod pending;
mod reply;
mod service;
mod signals;

pub use app::{App, RunningApp, StartError};
pub use config::{AppConfig, CallConfig, LinkConfig};
pub use cx::Cx;
