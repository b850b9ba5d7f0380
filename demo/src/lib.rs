//! demo
pub mod proto;
pub mod role;
