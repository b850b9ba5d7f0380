//! Any text as a packet of a client: what is read is written and read again with the same meaning.

use guildhall_wire::Packet;

const MAX: usize = 64 * 1024;

/// One input.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(packet) = Packet::from_json(text, MAX) else {
        return;
    };
    // Names of fields and escapes make it longer, but not without bound.
    let again = packet
        .to_json(16 * MAX)
        .expect("what was read can be written");
    assert_eq!(
        Packet::from_json(&again, 16 * MAX).expect("we wrote it"),
        packet
    );
}
