//! The demo's services and messages.

/// Accounts.
pub mod login {
    guildhall::include_proto!("demo.login");
}

/// Roles and their names.
pub mod role {
    guildhall::include_proto!("demo.role");
}
