//! What tests of games and of plugins stand on: [`Cluster`], which runs many apps in one process on a simulated network;
//! [`sim::check`], which runs a scenario with faults at random once for each of many seeds; and the contract suites of the seams.

pub mod broker;
pub mod discovery;
mod skipped;
mod disk;
mod faulty;
pub mod leases;
mod net;
mod cluster;
pub mod queue;
pub mod sim;
pub mod store;

pub use cluster::Cluster;
pub use disk::{Filler, SmallDisk};
pub use faulty::{Seam, SeamFaults};
pub use net::Trace;
pub use skipped::{SKIPPED_TESTS, skipped};
