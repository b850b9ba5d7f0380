//! Any bytes as packets of a client: what is read is written and read again with the same meaning.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guildhall_fuzz::client_packet_binary::run(data));
