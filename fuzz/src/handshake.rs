//! Any bytes as the other side of a handshake: nobody gets in without the secret.

use bytes::BytesMut;
use guildhall_wire::{Handshake, Hello, NodeRecord};

fn hello() -> Hello {
    Hello {
        record: Some(NodeRecord::default()),
        versions: vec![1],
        methods_hash: 1,
        nonce: vec![1; 32].into(),
        ..Hello::default()
    }
}

/// One input.
pub fn run(data: &[u8]) {
    for side in [Handshake::initiator, Handshake::acceptor] {
        let mut handshake = side(hello(), b"secret").expect("our own hello is complete");
        let mut input = BytesMut::new();
        for part in data.chunks(7) {
            input.extend_from_slice(part);
            match handshake.read(&mut input) {
                Ok(None) => {}
                Ok(Some(_)) => panic!("a stranger got in"),
                Err(_) => break,
            }
        }
        let _ = handshake.take_output();
    }
}
