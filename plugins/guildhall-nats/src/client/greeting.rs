//! [`Greeting`]: what a server of NATS says first.

use std::future::poll_fn;
use std::io;

use bytes::BytesMut;
use guildhall_core::env::Conn;
use serde::Deserialize;

/// Longest greeting, in bytes: it has the addresses of all servers of a cluster.
const GREETING_MAX: usize = 64 << 10;
const READ: usize = 4 << 10;

/// What a server of NATS says of TLS, before it is asked anything and without TLS.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Greeting {
    #[serde(default, rename = "tls_required")]
    pub(super) requires_tls: bool,
    #[serde(default, rename = "tls_available")]
    may_have_tls: bool,
}

impl Greeting {
    /// Reads it, and nothing after it.
    pub(super) async fn read(conn: &dyn Conn) -> io::Result<Self> {
        let mut said = BytesMut::new();
        loop {
            if let Some(end) = said.iter().position(|byte| *byte == b'\n') {
                return Self::parse(&said[..end]);
            }
            if said.len() >= 5 && !said.starts_with(b"INFO ") || said.len() > GREETING_MAX {
                return Err(no_nats());
            }
            poll_fn(|cx| conn.poll_readable(cx)).await?;
            said.reserve(READ);
            match conn.try_read(&mut said) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn parse(line: &[u8]) -> io::Result<Self> {
        let said = line.strip_prefix(b"INFO ").ok_or_else(no_nats)?;
        serde_json::from_slice(said).map_err(|_| no_nats())
    }

    pub(super) fn has_tls(&self) -> bool {
        self.requires_tls || self.may_have_tls
    }
}

fn no_nats() -> io::Error {
    io::Error::other("there is no server of NATS")
}

#[cfg(test)]
mod tests {
    use super::Greeting;

    #[test]
    fn what_is_no_greeting_of_nats_is_refused() {
        let good = br#"INFO {"server_id":"A","tls_required":true}"#;
        assert!(Greeting::parse(good).unwrap().has_tls());
        assert_eq!(Greeting::parse(b"INFO {}\r").unwrap(), Greeting::default());
        for bad in [
            &b""[..],
            b"INFO",
            b"INFO ",
            b"INFO {",
            b"+OK {}",
            b"HTTP/1.1 400 Bad Request",
            b"INFO \xff",
        ] {
            assert!(Greeting::parse(bad).is_err(), "{bad:?}");
        }
    }
}
