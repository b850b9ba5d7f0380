//! Any bytes as the body of a call: a gate, a dispatcher and prost find one key, or one of them refuses the call.

#[path = "../agreement/keys.rs"]
#[allow(dead_code)]
mod keys;

/// One input.
pub fn run(data: &[u8]) {
    keys::compare(data);
}
