//! Entities through their public interface: what is written when, and what a failed write leaves behind.

mod columns;
mod role;
mod saving;
mod state;
mod turns;
mod unknown;
