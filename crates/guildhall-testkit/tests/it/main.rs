//! The suites, run for what the core has in memory.

mod memory;
