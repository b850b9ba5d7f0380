//! The demo's services and messages.

/// Accounts.
pub mod login {
    guildhall::include_proto!("demo.login");
}

/// Operations of roles, to be counted.
pub mod ledger {
    guildhall::include_proto!("demo.ledger");
}

/// Money of roles.
pub mod wallet {
    guildhall::include_proto!("demo.wallet");
}

/// Roles and their names.
pub mod role {
    guildhall::include_proto!("demo.role");
}

/// Clubs, and who is in which.
pub mod club {
    guildhall::include_proto!("demo.club");
}

/// Who is online.
pub mod online {
    guildhall::include_proto!("demo.online");
}

/// Numbers that are given once.
pub mod uid {
    guildhall::include_proto!("demo.uid");
}
