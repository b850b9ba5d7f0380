//! Any text where a name or a number is expected, and as something to show: nothing panics, what is read is written back.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guildhall_fuzz::texts::run(data));
