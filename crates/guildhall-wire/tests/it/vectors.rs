//! The wire format as data: what `testdata` pins can only change with a new version of the protocol.

use bytes::{Bytes, BytesMut};
use guildhall_wire::frame::{call_id, put_raw};
use guildhall_wire::{
    Body, ClientHello, Handshake, Head, Header, Kick, LinkKind, Method, Packet, Reset, Session,
    Welcome, method_id,
};

use crate::packet::json;
use crate::{MAX, hello};

/// Lines of a vector file without comments.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn method_ids_are_pinned() {
    let vectors = include_str!("../../testdata/methods.txt");
    let mut seen = 0;
    for line in lines(vectors) {
        let (id, path) = line.split_once(' ').unwrap();
        assert_eq!(format!("{:08x}", method_id(path)), id, "{path}");
        seen += 1;
    }
    assert_eq!(seen, 5);
}

#[test]
fn link_frames_are_pinned() {
    let plain = Header {
        kind: LinkKind::Call,
        aux: 300,
        method: method_id("/hello.Greeter/Say"),
        id: call_id(2, 5),
    };
    let session = Session {
        player: "1001".into(),
        session: "s1".into(),
        generation: 3,
        number: 7,
        gate: "dev.w1.gate.1".into(),
        resent: true,
        answered: 6,
        path: Vec::new(),
        epoch: 0,
        inner: false,
    };
    let head = Head { chain: vec!["role/7".into()], session: Some(session), ..Head::default() };
    let frames = [
        (plain, None, &b"\x0a\x05World"[..]),
        (plain, Some(&head), &b"\x0a\x05World"[..]),
        (
            Header { aux: 0x0203, ..Header::new(LinkKind::Error, plain.id) },
            None,
            &b"\x0a\x02no"[..],
        ),
        (Header::new(LinkKind::Goaway, 0), None, &b""[..]),
    ];
    let vectors: Vec<&str> = lines(include_str!("../../testdata/frames.txt")).collect();
    let written: Vec<String> = frames
        .into_iter()
        .map(|(header, head, body)| {
            let mut out = BytesMut::new();
            put_raw(&mut out, MAX, header, head, body).unwrap();
            hex(&out)
        })
        .collect();
    assert_eq!(written, vectors);
}

#[test]
fn handshakes_are_pinned() {
    let mut i = Handshake::initiator(hello(1, &[1, 2]), b"secret").unwrap();
    let mut a = Handshake::acceptor(hello(2, &[1]), b"secret").unwrap();
    let mut written = Vec::new();
    for _ in 0..2 {
        let sent = i.take_output();
        written.push(hex(&sent));
        a.read(&mut BytesMut::from(sent)).unwrap();
        let sent = a.take_output();
        written.push(hex(&sent));
        i.read(&mut BytesMut::from(sent)).unwrap();
    }
    let vectors: Vec<&str> = lines(include_str!("../../testdata/handshake.txt")).collect();
    assert_eq!(written, vectors);
}

/// One of each, in the order of `testdata/packets.txt`; methods and bodies as the encoding wants them.
fn packets(binary: bool) -> Vec<Packet> {
    let method = |path: &str| match binary {
        true => Method::Id(method_id(&format!("/{path}"))),
        false => Method::Path(path.into()),
    };
    let body = |bytes: &'static [u8], text: &str| match binary {
        true => Body::Binary(Bytes::from_static(bytes)),
        false => json(text),
    };
    let call = |answered, resent| Packet::Call {
        id: 1,
        method: method("demo.role.Role/PowerUp"),
        body: body(b"\x10\x05", r#"{"add":5}"#),
        answered,
        resent,
        traceparent: String::new(),
        timeout_ms: if resent { 3_000 } else { 0 },
    };
    vec![
        Packet::Hello(ClientHello {
            token: "t.t.t".into(),
            resume: "r0".into(),
            last_push: 7,
            version: 1,
            client: "bot".into(),
        }),
        Packet::Welcome(Welcome {
            player: "1001".into(),
            session: "s1".into(),
            resume: "r1".into(),
            heartbeat_ms: 15_000,
            resumed: true,
        }),
        call(0, false),
        call(1, true),
        Packet::Cast { method: method("demo.role.Role/Wave"), body: body(b"", "{}") },
        Packet::Reply { id: 1, body: body(b"\x08\x69", r#"{"power":"105"}"#) },
        Packet::Error { id: 1, code: 3, reason: 1203, message: "no".into(), effect: 2 },
        Packet::Push {
            seq: 7,
            method: method("demo.role.RoleEvents/Channel"),
            body: body(b"\x0a\x02hi", r#"{"text":"hi"}"#),
        },
        Packet::Ack { seq: 7 },
        Packet::Ping { id: 9 },
        Packet::Pong { id: 9 },
        Packet::Kick(Kick { reason: 23, message: "second login".into() }),
        Packet::Reset(Reset { message: "pushes lost".into() }),
    ]
}

#[test]
fn packets_are_pinned_in_both_encodings() {
    let vectors: Vec<&str> = lines(include_str!("../../testdata/packets.txt")).collect();
    let mut written = Vec::new();
    for (text, binary) in packets(false).into_iter().zip(packets(true)) {
        written.push(text.to_json(MAX).unwrap());
        let mut out = BytesMut::new();
        binary.put(&mut out, MAX).unwrap();
        written.push(hex(&out));
    }
    assert_eq!(written, vectors);
}

#[test]
fn pinned_packets_are_read_in_both_encodings() {
    let vectors: Vec<&str> = lines(include_str!("../../testdata/packets.txt")).collect();
    for (pair, (text, binary)) in
        vectors.chunks(2).zip(packets(false).into_iter().zip(packets(true)))
    {
        assert_eq!(Packet::from_json(pair[0], MAX).unwrap(), text);
        let bytes: Vec<u8> = (0..pair[1].len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&pair[1][at..at + 2], 16).unwrap())
            .collect();
        assert_eq!(Packet::from_frame(&Bytes::from(bytes), MAX).unwrap(), binary);
    }
}
