//! Any bytes as packets of a client: what is read is written and read again with the same meaning.

use bytes::BytesMut;
use guildhall_wire::Packet;

const MAX: usize = 64 * 1024;

/// One input.
pub fn run(data: &[u8]) {
    let mut input = BytesMut::from(data);
    while let Ok(Some(packet)) = Packet::take(&mut input, MAX) {
        let mut out = BytesMut::new();
        packet
            .put(&mut out, 2 * MAX)
            .expect("it is not much longer");
        let again = Packet::from_frame(&out.freeze(), 2 * MAX).expect("we wrote it");
        assert_eq!(again, packet);
    }
}
