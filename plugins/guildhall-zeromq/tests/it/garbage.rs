//! Programs that do not speak the protocol, or mean harm.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::ground::{open, pop, port, push};

/// A greeting as PUSH and SUB send it, and a frame that claims to be larger than any memory.
fn huge(kind: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0];
    bytes.extend_from_slice(b"NULL");
    bytes.resize(64, 0);
    let mut ready = b"\x05READY\x0bSocket-Type".to_vec();
    ready.extend_from_slice(&[0, 0, 0, u8::try_from(kind.len()).unwrap()]);
    ready.extend_from_slice(kind);
    bytes.extend_from_slice(&[4, u8::try_from(ready.len()).unwrap()]);
    bytes.extend_from_slice(&ready);
    bytes.push(2);
    bytes.extend_from_slice(&(1_u64 << 40).to_be_bytes());
    bytes
}

/// Whether the other side ends the connection once it has these bytes.
fn is_ended(port: u32, bytes: &[u8]) -> bool {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(bytes).unwrap();
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_ends_its_connection_and_nothing_else() {
    let own = port();
    let (_broker, queue) = open(own, "").await;
    for (port, kind) in [(own, &b"SUB"[..]), (own + 1, b"PUSH")] {
        let bytes = [huge(kind), b"GET / HTTP/1.1\r\n\r\n".repeat(8), vec![0xff; 200]];
        for bytes in bytes {
            let ended = tokio::task::spawn_blocking(move || is_ended(port, &bytes)).await.unwrap();
            assert!(ended, "port {port} keeps the connection");
        }
        // The right protocol, and the wrong kind of socket.
        let wrong = huge(if kind == b"SUB" { b"PUSH" } else { b"SUB" });
        let ended = tokio::task::spawn_blocking(move || is_ended(port, &wrong)).await.unwrap();
        assert!(ended, "port {port} takes a socket of another kind");
    }
    let (_, pushes) = open(port(), &format!("queues=127.0.0.1:{}", own + 1)).await;
    push(&pushes, "still here").await;
    assert_eq!(pop(&queue).await, "still here");
}
