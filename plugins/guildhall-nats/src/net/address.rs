//! [`Address`]: where packets go: a random private IPv6 address, which is the name of a subject.

use std::fmt::Write as _;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};

use guildhall_core::Env;

use crate::client::Client;

/// First byte of private addresses (RFC 4193).
const PRIVATE: u8 = 0xfd;
/// There are no ports; 0 would be none.
const PORT: u16 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address(pub(super) [u8; 16]);

impl Address {
    /// One that nobody else has: 120 of its bits are random.
    pub(super) fn random(env: &Env) -> Self {
        let mut bytes = env.random_bytes();
        bytes[0] = PRIVATE;
        Self(bytes)
    }

    /// Reads what [`Address::socket_addr`] prints.
    pub(super) fn parse(addr: &str) -> Option<Self> {
        let addr: SocketAddrV6 = addr.parse().ok()?;
        let bytes = addr.ip().octets();
        (bytes[0] == PRIVATE && addr.port() == PORT).then_some(Self(bytes))
    }

    pub(super) fn socket_addr(self) -> SocketAddr {
        SocketAddrV6::new(Ipv6Addr::from(self.0), PORT, 0, 0).into()
    }

    pub(super) fn subject(self, client: &Client) -> String {
        let mut subject = format!("{}.link.", client.space);
        for byte in self.0 {
            // A string takes all that is written.
            let _written = write!(subject, "{byte:02x}");
        }
        subject
    }
}
