//! The store on MariaDB, through its public interface, against a real server.

#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod ground;
// What stores on SQL servers promise beyond the contract is the same for all, and so are its tests.
#[path = "../../../guildhall-postgres/tests/it/shared.rs"]
mod shared;
#[path = "../../../guildhall-postgres/tests/it/values.rs"]
mod values;
mod contract;
mod faulty;
mod traps;
mod tls;
