//! Tools for tests of games and plugins.
//!
//! | for | use |
//! |---|---|
//! | A test with several apps in one process, on a simulated network and under virtual time | [`Cluster`] |
//! | A scenario with random faults, run once per seed | [`sim::check`] |
//! | A plugin of one's own: the contract of its seam | [`discovery`], [`broker`], [`queue`], [`leases`], [`store`] |
//! | A program as a process, and free ports for it | [`process`] |

mod contract;
pub mod broker;
pub mod discovery;
mod skipped;
mod disk;
pub mod process;
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
