//! Labels of a registration that routing reads.

/// The label in an app's record that names the type of the actors behind a service.
pub fn actor_label(service: &str) -> String {
    format!("actor/{service}")
}

/// The label in an app's record that says how many slots an actor type has.
pub fn slots_label(actor: &str) -> String {
    format!("slots/{actor}")
}
