//! Entities through their public interface: what is written when, and what a failed write leaves behind.

mod role;
mod saving;
mod state;
mod turns;
mod unknown;
