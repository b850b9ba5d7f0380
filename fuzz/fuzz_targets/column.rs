//! Any bytes as a column that a newer release has written, and as the change that an older one saves beside it.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guildhall_fuzz::column::run(data));
