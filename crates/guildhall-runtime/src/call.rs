//! Calls: what they are made from ([`Cx`]), where they go (the mesh), how they are sent again, and how those that arrive begin.
//!
//! | module | what |
//! |---|---|
//! | `target` | where a call goes, as the caller says |
//! | `mesh` | where a call goes, as the cluster is |
//! | `cx` | the context of a call; the core of its app; the table of what it serves |
//! | `calls` | send, wait, follow an actor that has moved, retry |
//! | `own`, `own_calls`, `slot`, `request` | calls of an app to itself, which no link carries |
//! | `exchange` | request and reply of those that run in the poll of their caller |
//! | `arrive` | the one place that makes a `Cx` of what arrives |
//! | `raw`, `described`, `interned` | calls of methods that this program has no generated code for |
//! | `session_over` | tells actors that a session has ended |
//! | `peers` | keeps links to every app that discovery knows |

pub(crate) mod target;
pub(crate) mod moved;
pub(crate) mod parts;
pub(crate) mod snapshot;
pub(crate) mod budget;
pub(crate) mod any_slot;
pub(crate) mod exchange;
pub(crate) mod own_calls;
pub(crate) mod slot;
pub(crate) mod request;
pub(crate) mod key;
pub(crate) mod body;
mod carried;
pub(crate) mod command;
pub(crate) mod chain;
pub(crate) mod mesh;
pub(crate) mod reply;
pub(crate) mod cx;
pub(crate) mod spans;
pub(crate) mod arrive;
pub(crate) mod own;
pub(crate) mod calls;
pub(crate) mod forged;
pub(crate) mod handle;
pub(crate) mod turn;
pub(crate) mod push;
pub(crate) mod callback;
pub(crate) mod apps;
pub(crate) mod described;
pub(crate) mod interned;
pub(crate) mod session_over;
pub mod raw;
pub(crate) mod peers;

pub(crate) use calls::{call, call_encoded, cast, cast_all, cast_by, cast_encoded, cast_to};
pub(crate) use calls::{deadline, default_deadline};
pub use cx::Cx;
pub(crate) use cx::core::Core;
pub(crate) use cx::service;
pub(crate) use moved::moved;
pub use parts::Parts;
pub use request::{Reply, Request};
pub(crate) use snapshot::{Snapshot, Snapshots};
pub use target::{Many, Target};
