//! Frames that are whole, cut, and wrong.

use bytes::{Bytes, BytesMut};
use guildhall_core::Env;

use super::{
    COMMAND_MAX, Came, Cutter, FRAMES_MAX, GREETING, Kind, MESSAGE_MAX, greeting, hello, message,
    ready,
};

fn frames(parts: &[&[u8]]) -> Vec<Bytes> {
    parts.iter().map(|part| Bytes::copy_from_slice(part)).collect()
}

#[test]
fn each_side_understands_the_hello_of_the_other_and_no_other_kind() {
    for (own, other, fits) in [
        (Kind::Pub, Kind::Sub, true),
        (Kind::Sub, Kind::Pub, true),
        (Kind::Push, Kind::Pull, true),
        (Kind::Pull, Kind::Push, true),
        (Kind::Pull, Kind::Sub, false),
        (Kind::Sub, Kind::Sub, false),
    ] {
        let mut bytes = hello(other);
        greeting(&bytes.split_to(GREETING)).unwrap();
        let Some(Came::Command(command)) = Cutter::default().next(&mut bytes).unwrap() else {
            panic!("{other:?} sends no command")
        };
        assert_eq!(ready(own, &command).is_ok(), fits, "{own:?} to {other:?}");
    }
}

#[test]
fn messages_come_out_as_they_went_in_however_they_are_cut() {
    let large = vec![7; 70_000];
    let sent =
        [frames(&[b"mail", b""]), frames(&[b"", &large, b"x"]), frames(&[&[1; 255], &[2; 256]])];
    let mut bytes = BytesMut::new();
    sent.iter().for_each(|frames| message(&mut bytes, frames));
    for step in [1, 3, 4096, bytes.len()] {
        let (mut cutter, mut input, mut came) = (Cutter::default(), BytesMut::new(), Vec::new());
        for piece in bytes.chunks(step) {
            input.extend_from_slice(piece);
            while let Some(next) = cutter.next(&mut input).unwrap() {
                came.push(next);
            }
        }
        assert!(input.is_empty(), "{} bytes are left", input.len());
        assert_eq!(came, sent.clone().map(Came::Message));
    }
}

#[test]
fn a_length_that_is_too_large_is_refused_before_its_bytes_come() {
    let long = |flags: u8, length: usize| {
        let mut bytes = BytesMut::from(&[flags | 2][..]);
        bytes.extend_from_slice(&(length as u64).to_be_bytes());
        bytes
    };
    for mut bytes in [long(0, usize::MAX), long(0, MESSAGE_MAX + 1), long(4, COMMAND_MAX + 1)] {
        assert!(Cutter::default().next(&mut bytes).is_err());
    }
    // Several frames together, too.
    let (mut cutter, half) = (Cutter::default(), vec![0; MESSAGE_MAX / 2 + 1]);
    let mut bytes = BytesMut::new();
    message(&mut bytes, &frames(&[&half, &half]));
    assert!(cutter.next(&mut bytes).is_err());
    let mut bytes = BytesMut::new();
    message(&mut bytes, &vec![Bytes::new(); FRAMES_MAX + 1]);
    assert!(Cutter::default().next(&mut bytes).is_err());
}

#[test]
fn bytes_of_any_kind_are_cut_or_refused() {
    let env = Env::real();
    for round in 0..20_000 {
        let bytes = env.random_bytes::<80>();
        let mut input = BytesMut::from(&bytes[..]);
        let mut cutter = Cutter::default();
        while let Ok(Some(_)) = cutter.next(&mut input) {}
        let _checked = greeting(&bytes[..round % 80]);
        let mut command = b"\x05READY".to_vec();
        command.extend_from_slice(&bytes[..round % 80]);
        let _checked = ready(Kind::Pull, &command);
    }
}
