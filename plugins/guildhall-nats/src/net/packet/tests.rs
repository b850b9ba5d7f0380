//! Packets as they are written and read.

use bytes::Bytes;
use proptest::prelude::*;

use super::Packet;
use crate::net::address::Address;

fn packets() -> impl Strategy<Value = Packet> {
    let address = || any::<[u8; 16]>().prop_map(Address);
    prop_oneof![
        address().prop_map(Packet::Open),
        address().prop_map(Packet::Opened),
        (any::<u64>(), any::<Vec<u8>>()).prop_map(|(n, data)| Packet::Data(n, data.into())),
        any::<u64>().prop_map(Packet::Taken),
        any::<u64>().prop_map(Packet::End),
        Just(Packet::Reset),
    ]
}

proptest! {
    #[test]
    fn a_packet_is_read_as_it_was_written(packet in packets()) {
        prop_assert_eq!(Packet::decode(&packet.encode()), Some(packet));
    }

    #[test]
    fn what_is_read_of_any_bytes_is_all_of_them(bytes in any::<Vec<u8>>()) {
        let bytes = Bytes::from(bytes);
        if let Some(packet) = Packet::decode(&bytes) {
            prop_assert_eq!(packet.encode(), bytes);
        }
    }
}
