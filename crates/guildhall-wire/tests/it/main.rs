//! Facts about the wire format, seen through the public interface.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod allocation;
mod frame;
mod handshake;
mod packet;
mod vectors;

use guildhall_wire::{Hello, NodeRecord};

/// A limit that no honest sample of these tests reaches.
pub(crate) const MAX: usize = 1 << 20;

pub(crate) fn hello(nonce: u8, versions: &[u32]) -> Hello {
    Hello {
        record: Some(NodeRecord { id: format!("dev.w1.role.{nonce}"), ..NodeRecord::default() }),
        versions: versions.to_vec(),
        methods_hash: 7,
        nonce: vec![nonce; 32].into(),
        ..Hello::default()
    }
}
