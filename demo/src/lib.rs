//! demo
pub mod admin;
pub mod bots;
pub mod login;
pub mod needs;
pub mod proto;
pub mod role;
pub mod serve;
mod web;
