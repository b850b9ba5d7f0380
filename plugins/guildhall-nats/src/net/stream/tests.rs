//! Streams whose packets are moved by hand.

use std::io::{ErrorKind, IoSlice};

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::{Packet, Stream, WINDOW};

const CHUNK: usize = 100;

fn write(stream: &mut Stream, bytes: &[u8]) -> usize {
    match stream.write(&[IoSlice::new(bytes)]) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
        written => written.unwrap(),
    }
}

/// What can be read now, and the error or the end that it came to.
fn read(stream: &mut Stream, most: usize) -> (Vec<u8>, Option<ErrorKind>) {
    let mut buf = BytesMut::with_capacity(most.max(1));
    match stream.read(&mut buf) {
        Ok(0) => (Vec::new(), Some(ErrorKind::UnexpectedEof)),
        Ok(_) => (buf.to_vec(), None),
        Err(error) if error.kind() == ErrorKind::WouldBlock => (Vec::new(), None),
        Err(error) => (Vec::new(), Some(error.kind())),
    }
}

#[derive(Clone, Debug)]
enum Step {
    Write(usize),
    Read(usize),
    Move,
    Lose,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..50_000usize).prop_map(Step::Write),
        8 => (0..50_000usize).prop_map(Step::Read),
        16 => Just(Step::Move),
        1 => Just(Step::Lose),
    ];
    proptest::collection::vec(step, 0..200)
}

proptest! {
    #[test]
    fn what_is_read_is_a_beginning_of_what_was_written_and_a_lost_packet_ends_it(steps in steps()) {
        let (mut near, mut far) = (Stream::new(CHUNK), Stream::new(CHUNK));
        let (mut sent, mut got, mut lost) = (0usize, 0usize, false);
        for step in steps {
            match step {
                Step::Write(n) => {
                    let bytes: Vec<u8> = (sent..sent + n).map(|at| at.to_le_bytes()[0]).collect();
                    sent += write(&mut near, &bytes);
                }
                Step::Read(n) => {
                    let (bytes, end) = read(&mut far, n);
                    prop_assert!(bytes.iter().copied().eq((got..got + bytes.len()).map(|at| at.to_le_bytes()[0])));
                    got += bytes.len();
                    prop_assert_eq!(end, (lost && end.is_some()).then_some(ErrorKind::ConnectionReset));
                    while let Some(packet) = far.next() {
                        near.hear(Some(packet));
                    }
                }
                Step::Move => if let Some(packet) = near.next() { far.hear(Some(packet)) },
                Step::Lose => lost |= near.next().is_some(),
            }
            prop_assert!((sent - got) as u64 <= WINDOW);
        }
        // To the end, if nothing was lost.
        while let Some(packet) = near.next() {
            far.hear(Some(packet));
        }
        near.left = true;
        far.hear(near.last());
        let end = loop {
            let (bytes, end) = read(&mut far, 1 << 20);
            got += bytes.len();
            if end.is_some() {
                break end;
            }
        };
        let all = if lost { ErrorKind::ConnectionReset } else { ErrorKind::UnexpectedEof };
        prop_assert_eq!(end, Some(all));
        prop_assert!(lost || got == sent);
    }
}

#[test]
fn a_writer_waits_for_a_reader_who_does_not_read() {
    let (mut near, mut far) = (Stream::new(CHUNK), Stream::new(CHUNK));
    let window = usize::try_from(WINDOW).unwrap();
    assert_eq!(write(&mut near, &vec![7; window + 1]), window);
    assert_eq!(write(&mut near, &[7]), 0);
    while let Some(packet) = near.next() {
        far.hear(Some(packet));
    }
    let mut taken = 0;
    while taken < window / 2 {
        taken += read(&mut far, window / 2 - taken).0.len();
    }
    near.hear(far.next());
    assert_eq!(write(&mut near, &vec![7; window]), window / 2);
}

#[test]
fn packets_that_no_app_sends_end_the_connection() {
    let data = |number, bytes: &[u8]| Some(Packet::Data(number, Bytes::copy_from_slice(bytes)));
    let too_much = usize::try_from(WINDOW).unwrap() + 1;
    let bad = [
        None,
        data(1, b"x"),
        data(0, b""),
        Some(Packet::Taken(1)),
        Some(Packet::End(1)),
        Some(Packet::Reset),
        data(0, &vec![0; too_much]),
    ];
    for packet in bad {
        let (mut stream, shown) = (Stream::new(CHUNK), format!("{packet:?}"));
        stream.hear(packet);
        assert!(stream.write(&[IoSlice::new(b"y")]).is_err(), "{shown:.80}");
        assert_eq!(stream.last(), Some(Packet::Reset));
    }
}
