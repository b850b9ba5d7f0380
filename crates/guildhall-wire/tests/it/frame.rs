//! Frames: round trips, limits, kinds.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use guildhall_wire::frame::{
    Kind, call_id, call_id_parts, error_aux, error_from_aux, put_frame, put_raw, put_raw_with_tail,
    time_left_from_aux, time_left_to_aux,
};
use guildhall_wire::{
    ClientKind, FrameError, Head, Header, LinkKind, Parsed, Session, StatusBody, TooLarge, Trace,
    frame::parse,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::{Strategy, any, prop_assert_eq, proptest};

use crate::MAX;

fn any_header() -> impl Strategy<Value = Header<LinkKind>> {
    let kind = proptest::sample::select(LinkKind::ALL);
    (kind, any::<u16>(), any::<u32>(), any::<u64>()).prop_map(|(kind, aux, method, id)| Header {
        kind,
        aux,
        method,
        id,
    })
}

fn any_head() -> impl Strategy<Value = Head> {
    let trace = (vec(any::<u8>(), 16), vec(any::<u8>(), 8), any::<u32>())
        .prop_map(|(t, s, flags)| Trace { trace_id: t.into(), span_id: s.into(), flags });
    let session = (".{0,8}", any::<u64>(), any::<bool>()).prop_map(|(player, n, resent)| Session {
        player,
        session: "s".into(),
        generation: n,
        number: n >> 1,
        gate: "dev.w1.gate.1".into(),
        resent,
        answered: n >> 2,
        path: if n == 0 { vec![3, n] } else { Vec::new() },
        epoch: n >> 3,
        inner: n == 0,
    });
    (
        option::of(trace),
        vec(".{0,8}", 0..4),
        option::of(session),
        btree_map(".{0,4}", ".{0,4}", 0..4),
        any::<u64>(),
    )
        .prop_map(|(trace, chain, session, metadata, time_left_ms)| Head {
            trace,
            chain,
            caller: String::new(),
            session,
            metadata,
            time_left_ms,
            hops: 1,
            resources: 3,
            sender: None,
        })
}

fn whole<K: Kind>(buf: &[u8]) -> guildhall_wire::Frame<'_, K> {
    match parse::<K>(buf, MAX).unwrap() {
        Parsed::Frame(frame) => frame,
        Parsed::Incomplete { needed } => panic!("{needed} bytes are missing"),
    }
}

proptest! {
    #[test]
    fn every_frame_is_read_as_it_was_written(
        header in any_header(), head in option::of(any_head()), body in vec(any::<u8>(), 0..200),
    ) {
        let mut out = BytesMut::from(&b"before"[..]);
        put_raw(&mut out, MAX, header, head.as_ref(), &body).unwrap();
        let buf = out.freeze().slice(6..);
        let frame = whole::<LinkKind>(&buf);
        prop_assert_eq!(frame.header, header);
        prop_assert_eq!(frame.len, buf.len());
        prop_assert_eq!(frame.body, &body[..]);
        prop_assert_eq!(buf.slice(frame.body_range()), Bytes::from(body));
        prop_assert_eq!(frame.decode_head().unwrap(), head.unwrap_or_default());
    }

    #[test]
    fn input_split_anywhere_gives_the_same_frames(
        frames in vec((any_header(), option::of(any_head()), vec(any::<u8>(), 0..60)), 1..5),
    ) {
        let mut stream = BytesMut::new();
        for (header, head, body) in &frames {
            put_raw(&mut stream, MAX, *header, head.as_ref(), body).unwrap();
        }
        for cut in 0..=stream.len() {
            let mut seen = Vec::new();
            let mut buf = BytesMut::new();
            for part in [&stream[..cut], &stream[cut..]] {
                buf.extend_from_slice(part);
                loop {
                    let len = match parse::<LinkKind>(&buf, MAX).unwrap() {
                        Parsed::Incomplete { needed } => {
                            assert!(needed > 0);
                            break;
                        }
                        Parsed::Frame(f) => {
                            seen.push((f.header, f.decode_head().unwrap(), f.body.to_vec()));
                            f.len
                        }
                    };
                    drop(buf.split_to(len));
                }
            }
            prop_assert_eq!(seen.len(), frames.len());
            for (seen, (header, head, body)) in seen.iter().zip(&frames) {
                prop_assert_eq!(&seen.0, header);
                prop_assert_eq!(&seen.1, &head.clone().unwrap_or_default());
                prop_assert_eq!(&seen.2, body);
            }
        }
    }
}

#[test]
fn incomplete_frames_say_exactly_how_much_is_missing_once_the_length_is_there() {
    let mut out = BytesMut::new();
    put_raw(&mut out, MAX, Header::new(LinkKind::Call, 1), None, b"body").unwrap();
    for have in 0..out.len() {
        let expected = if have < 4 { 20 - have } else { out.len() - have };
        assert_eq!(
            parse::<LinkKind>(&out[..have], MAX),
            Ok(Parsed::Incomplete { needed: expected })
        );
    }
}

#[test]
fn messages_and_parts_are_written_like_the_bytes_they_encode_to() {
    let body = StatusBody { message: "no".into(), reason: 3, details: Vec::new() };
    let bytes = prost::Message::encode_to_vec(&body);
    let header = Header { aux: error_aux(5, 2), ..Header::new(LinkKind::Error, 9) };
    let [mut message, mut raw, mut parts] = [BytesMut::new(), BytesMut::new(), BytesMut::new()];
    put_frame(&mut message, MAX, header, None, &body).unwrap();
    put_raw(&mut raw, MAX, header, None, &bytes).unwrap();
    put_raw_with_tail(&mut parts, MAX, header, None, &bytes[..3], &bytes[3..]).unwrap();
    assert_eq!((&message, &message), (&raw, &parts));
}

#[test]
fn frames_over_the_limit_are_refused_by_the_sender_who_writes_nothing() {
    let header = Header::new(LinkKind::Call, 1);
    let mut out = BytesMut::from(&b"before"[..]);
    let refused = put_raw(&mut out, 100, header, None, &[0; 81]);
    assert_eq!(refused, Err(TooLarge { size: 101, max: 100 }));
    let head = Head { caller: "x".repeat(80), ..Head::default() };
    assert!(put_raw(&mut out, 100, header, Some(&head), &[]).is_err());
    assert_eq!(&out[..], b"before");
    put_raw(&mut out, 100, header, None, &[0; 80]).unwrap();
}

#[test]
fn frames_over_the_limit_are_refused_by_the_receiver_as_soon_as_their_length_is_there() {
    let mut out = BytesMut::new();
    put_raw(&mut out, MAX, Header::new(LinkKind::Call, 1), None, &[0; 81]).unwrap();
    let refused = Err(FrameError::TooLarge(TooLarge { size: 101, max: 100 }));
    assert_eq!(parse::<LinkKind>(&out[..4], 100), refused);
    assert!(parse::<LinkKind>(&out, 101).is_ok());
}

#[test]
fn faulty_frames_are_refused_before_their_body_is_awaited() {
    let header = |length: u32, kind: u8, flags: u8| {
        let mut out = BytesMut::new();
        out.put_u32_le(length);
        out.extend_from_slice(&[kind, flags]);
        out.put_bytes(0, 14);
        out
    };
    assert_eq!(parse::<LinkKind>(&header(15, 1, 0), MAX), Err(FrameError::TooShort { length: 15 }));
    assert_eq!(parse::<LinkKind>(&header(99, 9, 0), MAX), Err(FrameError::UnknownKind(9)));
    assert_eq!(parse::<LinkKind>(&header(99, 0, 0), MAX), Err(FrameError::UnknownKind(0)));
    assert_eq!(parse::<LinkKind>(&header(99, 1, 2), MAX), Err(FrameError::UnknownFlags(2)));
    assert_eq!(parse::<LinkKind>(&header(16, 1, 1), MAX), Err(FrameError::BadHead { len: 20 }));
    let mut long_head = header(20, 1, 1);
    long_head.put_u32_le(1);
    assert_eq!(parse::<LinkKind>(&long_head, MAX), Err(FrameError::BadHead { len: 24 }));
}

#[test]
fn no_client_kind_is_a_link_kind() {
    for byte in 0..=u8::MAX {
        let both = (LinkKind::from_byte(byte), ClientKind::from_byte(byte));
        assert!(!matches!(both, (Some(_), Some(_))), "kind {byte} is in both sets");
    }
    for kind in LinkKind::ALL {
        assert_eq!(LinkKind::from_byte(kind.byte()), Some(*kind));
    }
    for kind in ClientKind::ALL {
        assert_eq!(ClientKind::from_byte(kind.byte()), Some(*kind));
        let mut out = BytesMut::new();
        put_raw(&mut out, MAX, Header::new(*kind, 1), None, &[]).unwrap();
        assert_eq!(parse::<LinkKind>(&out, MAX), Err(FrameError::UnknownKind(kind.byte())));
    }
    assert_eq!((LinkKind::ALL.len(), ClientKind::ALL.len()), (8, 12));
}

#[test]
fn time_left_is_rounded_up_and_moves_to_the_head_when_it_does_not_fit() {
    let cases = [
        (Duration::ZERO, 0),
        (Duration::from_nanos(1), 1),
        (Duration::from_millis(10), 1),
        (Duration::from_micros(10_001), 2),
        (Duration::from_millis(655_340), 65_534),
        (Duration::from_millis(655_341), 65_535),
        (Duration::MAX, 65_535),
    ];
    for (left, aux) in cases {
        assert_eq!(time_left_to_aux(left), aux, "{left:?}");
    }
    assert_eq!(time_left_from_aux(2), Some(Duration::from_millis(20)));
    assert_eq!(time_left_from_aux(65_535), None);
}

#[test]
fn packed_numbers_come_apart_as_they_were() {
    assert_eq!(error_aux(3, 2), 0x0203);
    assert_eq!(error_from_aux(0x0203), (3, 2));
    assert_eq!(call_id(1, 2), 0x1_0000_0002);
    assert_eq!(call_id_parts(call_id(u32::MAX, 7)), (u32::MAX, 7));
}
