//! Any bytes as the body of a call: a gate, a dispatcher and prost find one key, or one of them refuses the call.
#![no_main]

#[path = "../agreement/keys.rs"]
#[allow(dead_code)]
mod keys;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    keys::compare(data);
});
