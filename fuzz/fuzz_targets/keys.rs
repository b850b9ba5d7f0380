//! Any bytes as the body of a call: a gate, a dispatcher and prost find one key, or one of them refuses the call.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guildhall_fuzz::keys::run(data));
