//! Any JSON as the body of a text client: what it becomes is a whole message, and reads back as JSON.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guildhall_fuzz::json_body::run(data));
