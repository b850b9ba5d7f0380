//! [`Packet`]: what a message between two ends of a connection says: a byte for its kind, then its fields, big-endian.

use bytes::{BufMut as _, Bytes, BytesMut};

use super::address::Address;

/// Bytes of a packet of data before the data.
pub(super) const HEAD: usize = 1 + 8;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Packet {
    /// To a listener: a connection is wanted; the address of the end that wants it.
    Open(Address),
    /// Its answer: the address of the other end.
    Opened(Address),
    /// What was written: the number of the packet, from 0 on, and the bytes.
    Data(u64, Bytes),
    /// How many bytes have been read of all that have come.
    Taken(u64),
    /// Nothing more is written; how many packets of data there were.
    End(u64),
    /// The connection has failed.
    Reset,
}

impl Packet {
    pub(super) fn encode(&self) -> Bytes {
        let mut packet = BytesMut::with_capacity(HEAD + 8);
        match self {
            Self::Open(address) => [&[0][..], &address.0].into_iter().for_each(|it| packet.put(it)),
            Self::Opened(address) => {
                [&[1][..], &address.0].into_iter().for_each(|it| packet.put(it));
            }
            Self::Data(number, bytes) => {
                packet.put_u8(2);
                packet.put_u64(*number);
                packet.put(&bytes[..]);
            }
            Self::Taken(total) => numbered(&mut packet, 3, *total),
            Self::End(packets) => numbered(&mut packet, 4, *packets),
            Self::Reset => packet.put_u8(5),
        }
        packet.freeze()
    }

    /// `None`: it is not from an app.
    pub(super) fn decode(packet: &Bytes) -> Option<Self> {
        let (kind, rest) = packet.split_first()?;
        let address = || Some(Address(rest.try_into().ok()?));
        let number = || Some(u64::from_be_bytes(rest.try_into().ok()?));
        Some(match kind {
            0 => Self::Open(address()?),
            1 => Self::Opened(address()?),
            2 => {
                let (number, _bytes) = rest.split_first_chunk()?;
                Self::Data(u64::from_be_bytes(*number), packet.slice(HEAD..))
            }
            3 => Self::Taken(number()?),
            4 => Self::End(number()?),
            5 if rest.is_empty() => Self::Reset,
            _ => return None,
        })
    }
}

fn numbered(packet: &mut BytesMut, kind: u8, number: u64) {
    packet.put_u8(kind);
    packet.put_u64(number);
}

#[cfg(test)]
mod tests;
