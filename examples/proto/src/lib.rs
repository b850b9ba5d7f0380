//! The protos of Guildhall's examples, tests and benchmarks, and the actor that most tests want of them.

mod member;

pub use member::PlainMember;

/// Says hello: the smallest service.
pub mod hello {
    guildhall::include_proto!("hello");
}

/// Counters that survive restarts: the smallest actor.
pub mod counter {
    guildhall::include_proto!("counter");
}

/// What benchmarks call.
pub mod bench {
    guildhall::include_proto!("bench");
}

/// Rooms and members: every option, and everything that can go wrong.
pub mod room {
    guildhall::include_proto!("room");
}

/// Chat: calls from players' clients, and pushes to them.
pub mod chat {
    guildhall::include_proto!("chat");
}

/// Services that tell who answered, and who was told.
pub mod routing {
    guildhall::include_proto!("routing");
}

/// Services whose calls share state without a key.
pub mod models {
    guildhall::include_proto!("models");
}

/// Calls that are traced, and one that is not.
pub mod traced {
    guildhall::include_proto!("traced");
}

/// Alarm clocks: actors with timers.
pub mod alarm {
    guildhall::include_proto!("alarm");
}

/// Players, from their registration to their idle end.
pub mod player {
    guildhall::include_proto!("player");
}

/// Entities that no actor owns.
pub mod guild {
    guildhall::include_proto!("guild");
}

/// Profiles: views and deltas.
pub mod profile {
    guildhall::include_proto!("profile");
}

/// Ledgers: actors in which what is lost or done twice can be seen.
pub mod ledger {
    guildhall::include_proto!("ledger");
}

/// Accounts that send each other money, and get interest in their time.
pub mod bank {
    guildhall::include_proto!("bank");
}

/// Vaults whose turns fail when they are asked to.
pub mod vault {
    guildhall::include_proto!("vault");
}

/// Names that are hard to generate code for.
pub mod odd {
    guildhall::include_proto!("odd");

    /// Services with such names.
    pub mod services {
        guildhall::include_proto!("odd.services");
    }
}
