//! The protos of Guildhall's examples, tests and benchmarks.

/// Says hello: the smallest service.
pub mod hello {
    guildhall::include_proto!("hello");
}

/// A counter per key: an actor with an entity.
pub mod counter {
    guildhall::include_proto!("counter");
}

/// What the benchmarks call.
pub mod bench {
    guildhall::include_proto!("bench");
}

/// Rooms and players that show every option, and everything that can go wrong.
pub mod room {
    guildhall::include_proto!("room");
}
