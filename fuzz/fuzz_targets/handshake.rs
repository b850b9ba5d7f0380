//! Any bytes as the other side of a handshake: nobody gets in without the secret.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guildhall_fuzz::handshake::run(data));
