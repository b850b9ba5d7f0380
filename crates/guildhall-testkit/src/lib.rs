//! What tests of games and of plugins stand on: [`Cluster`], which runs many apps in one process on a simulated network, and
//! the contract suites of the seams.

pub mod broker;
mod cluster;
pub mod discovery;
pub mod leases;
pub mod queue;
mod sim;
pub mod store;

pub use cluster::Cluster;
pub use sim::Trace;
