//! Packets: round trips in both encodings, limits, and what is refused.

use bytes::{Bytes, BytesMut};
use guildhall_wire::packet::{
    code_from_name, code_name, effect_from_name, effect_name, push_json, put_push,
};
use guildhall_wire::{Body, ClientHello, Kick, Method, Packet, PacketError, Reset, Welcome};
use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};
use serde_json::value::RawValue;

use crate::MAX;

pub(crate) fn json(text: &str) -> Body {
    Body::Json(RawValue::from_string(text.into()).unwrap())
}

fn any_method_and_body(text: bool) -> impl Strategy<Value = (Method, Body)> {
    ("[a-z.]{1,20}/[A-Za-z]{1,9}", any::<u32>(), proptest::collection::vec(any::<u8>(), 0..50))
        .prop_map(move |(path, id, bytes)| {
            if text {
                (
                    Method::Path(path),
                    json(&serde_json::json!({ "a": bytes, "b": "x\n" }).to_string()),
                )
            } else {
                (Method::Id(id), Body::Binary(bytes.into()))
            }
        })
}

fn any_packet(text: bool) -> impl Strategy<Value = Packet> {
    let with_body = (any_method_and_body(text), any::<[u64; 2]>(), any::<bool>(), 0..4).prop_map(
        |((method, body), [id, answered], resent, kind)| match kind {
            0 => {
                let traceparent = if resent { "00-01".to_owned() } else { String::new() };
                let timeout_ms = if resent { 1_500 } else { 0 };
                Packet::Call { id, method, body, answered, resent, traceparent, timeout_ms }
            }
            1 => Packet::Cast { method, body },
            2 => Packet::Reply { id, body },
            _ => Packet::Push { seq: id, method, body },
        },
    );
    let plain = (".{0,20}", ".{0,20}", any::<u64>(), any::<u32>(), 0_u8..17, 0_u8..3);
    let without = (plain, 0..8).prop_map(|((a, b, id, n, code, effect), kind)| match kind {
        0 => Packet::Hello(ClientHello {
            token: a,
            resume: b,
            last_push: id,
            version: n,
            client: "c".into(),
        }),
        1 => Packet::Welcome(Welcome {
            player: a.clone(),
            session: b,
            resume: a,
            heartbeat_ms: n,
            resumed: code > 8,
        }),
        2 => Packet::Error { id, code, reason: n, message: a, effect },
        3 => Packet::Ack { seq: id },
        4 => Packet::Ping { id },
        5 => Packet::Pong { id },
        6 => Packet::Kick(Kick { reason: n, message: a }),
        _ => Packet::Reset(Reset { message: a }),
    });
    prop_oneof![with_body, without, Just(Packet::Ping { id: 0 })]
}

proptest! {
    #[test]
    fn every_binary_packet_is_read_as_it_was_written(packets in proptest::collection::vec(any_packet(false), 1..5)) {
        let mut stream = BytesMut::new();
        for packet in &packets {
            packet.put(&mut stream, MAX).unwrap();
        }
        for cut in 0..=stream.len() {
            let (mut input, mut seen) = (BytesMut::new(), Vec::new());
            for part in [&stream[..cut], &stream[cut..]] {
                input.extend_from_slice(part);
                while let Some(packet) = Packet::take(&mut input, MAX).unwrap() {
                    seen.push(packet);
                }
            }
            prop_assert_eq!(&seen, &packets);
        }
    }

    #[test]
    fn every_json_packet_is_read_as_it_was_written(packet in any_packet(true)) {
        let text = packet.to_json(MAX).unwrap();
        prop_assert_eq!(Packet::from_json(&text, MAX).unwrap(), packet);
    }

    #[test]
    fn packets_are_refused_by_sender_and_receiver_over_the_same_limit(binary in any_packet(false), text in any_packet(true)) {
        let mut out = BytesMut::new();
        binary.put(&mut out, MAX).unwrap();
        let whole = out.split().freeze();
        let over = whole.len() - 1;
        prop_assert_eq!(matches!(binary.put(&mut out, over), Err(PacketError::TooLarge(_))), true);
        prop_assert_eq!(out.len(), 0);
        prop_assert_eq!(matches!(Packet::from_frame(&whole, over), Err(PacketError::Frame(_))), true);
        prop_assert_eq!(Packet::from_frame(&whole, whole.len()).unwrap(), binary);

        let whole = text.to_json(MAX).unwrap();
        let over = whole.len() - 1;
        prop_assert_eq!(matches!(text.to_json(over), Err(PacketError::TooLarge(_))), true);
        prop_assert_eq!(matches!(Packet::from_json(&whole, over), Err(PacketError::TooLarge(_))), true);
    }
}

#[test]
fn a_message_carries_exactly_one_packet() {
    let mut out = BytesMut::new();
    Packet::Ping { id: 1 }.put(&mut out, MAX).unwrap();
    let early = Packet::from_frame(&Bytes::copy_from_slice(&out[..18]), MAX);
    assert!(matches!(early, Err(PacketError::Truncated(2))), "{early:?}");
    out.extend_from_slice(b"more");
    let late = Packet::from_frame(&out.freeze(), MAX);
    assert!(matches!(late, Err(PacketError::Trailing(4))), "{late:?}");
}

#[test]
fn bodies_are_slices_of_what_was_received() {
    let mut out = BytesMut::new();
    put_push(&mut out, MAX, 7, 5, b"body").unwrap();
    let message = out.freeze();
    let packet = Packet::from_frame(&message, MAX).unwrap();
    let Packet::Push { seq: 7, method: Method::Id(5), body: Body::Binary(body) } = packet else {
        panic!("{packet:?}")
    };
    assert_eq!(body.as_ptr(), message[20..].as_ptr());
}

#[test]
fn the_fast_path_of_a_push_writes_what_the_packet_writes() {
    let body = RawValue::from_string("{\"a\":1}".into()).unwrap();
    let text = push_json(7, "demo.RoleEvents/Channel", &body, MAX).unwrap();
    let packet = Packet::Push {
        seq: 7,
        method: Method::Path("demo.RoleEvents/Channel".into()),
        body: Body::Json(body),
    };
    assert_eq!(text, packet.to_json(MAX).unwrap());
}

#[test]
fn a_path_becomes_the_id_that_its_method_has() {
    let method = Method::Path("demo.role.Role/PowerUp".into());
    assert_eq!(method.id(), guildhall_wire::method_id("/demo.role.Role/PowerUp"));
}

#[test]
fn a_body_of_the_other_encoding_is_not_written() {
    let mut out = BytesMut::new();
    let wrong = Packet::Reply { id: 1, body: json("{}") }.put(&mut out, MAX);
    assert!(matches!(wrong, Err(PacketError::WrongEncoding(_))), "{wrong:?}");
    assert!(out.is_empty());
    let wrong = Packet::Reply { id: 1, body: Body::Binary(Bytes::new()) }.to_json(MAX);
    assert!(matches!(wrong, Err(PacketError::WrongEncoding(_))), "{wrong:?}");
    let wrong = Packet::Cast { method: Method::Id(1), body: json("{}") }.to_json(MAX);
    assert!(matches!(wrong, Err(PacketError::WrongEncoding(_))), "{wrong:?}");
}

#[test]
fn json_errors_name_the_kind_and_the_field() {
    let cases = [
        (r#"{"kind":"call","method":"a.B/C"}"#, "the Call packet lacks `id`"),
        (r#"{"kind":"call","id":1}"#, "the Call packet lacks `method`"),
        (r#"{"kind":"ack"}"#, "the Ack packet lacks `seq`"),
        (r#"{"kind":"error","id":1,"code":"NO","effect":"Ran"}"#, "`code` has no such value"),
        (r#"{"kind":"error","id":1,"code":"OK","effect":"no"}"#, "`effect` has no such value"),
    ];
    for (text, message) in cases {
        assert_eq!(Packet::from_json(text, MAX).unwrap_err().to_string(), message, "{text}");
    }
    for text in [
        "",
        "[]",
        // The fields in their order: still no packet.
        r#"["ping",7]"#,
        " \t[\"ping\",7]",
        "{}",
        r#"{"kind":"goaway"}"#,
        r#"{"kind":"ping","id":-1}"#,
        r#"{"kind":"ping"} x"#,
    ] {
        assert!(matches!(Packet::from_json(text, MAX), Err(PacketError::Json(_))), "{text}");
    }
}

#[test]
fn json_fields_may_be_absent_or_unknown_and_come_in_any_order() {
    let text = r#"{"later":[1],"method":"a.B/C","id":1,"kind":"call","body":null}"#;
    let packet = Packet::from_json(text, MAX).unwrap();
    let method = Method::Path("a.B/C".into());
    let expected = Packet::Call {
        id: 1,
        method,
        body: json("{}"),
        answered: 0,
        resent: false,
        traceparent: String::new(),
        timeout_ms: 0,
    };
    assert_eq!(packet, expected);
}

#[test]
fn codes_and_effects_have_one_name_each() {
    for code in 0..17 {
        assert_eq!(code_from_name(code_name(code)), Some(code));
    }
    assert_eq!(
        (code_name(3), code_name(16), code_name(99)),
        ("INVALID_ARGUMENT", "UNAUTHENTICATED", "UNKNOWN")
    );
    for effect in 0..3 {
        assert_eq!(effect_from_name(effect_name(effect)), Some(effect));
    }
    assert_eq!(effect_name(9), "MayHaveRun");
    assert_eq!((code_from_name("ok"), effect_from_name("")), (None, None));
}
