//! Any bytes as link frames: a frame that is read is written back as it came.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guildhall_fuzz::link_frame::run(data));
