//! What tests of games and of plugins stand on: the contract suites of the seams.

pub mod discovery;
pub mod store;
