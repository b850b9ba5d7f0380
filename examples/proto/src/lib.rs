//! The protos of Guildhall's examples, tests and benchmarks.

/// Says hello: the smallest service.
pub mod hello {
    guildhall::include_proto!("hello");
}
