//! Any bytes as link frames: a frame that is read is written back as it came.

use bytes::BytesMut;
use guildhall_wire::frame::{parse, put_raw};
use guildhall_wire::{LinkKind, Parsed};

const MAX: usize = 64 * 1024;

/// One input.
pub fn run(data: &[u8]) {
    let mut rest = data;
    while let Ok(Parsed::Frame(frame)) = parse::<LinkKind>(rest, MAX) {
        assert_eq!(&rest[frame.body_range()], frame.body);
        let head = frame.decode_head();
        let mut out = BytesMut::new();
        if frame.head.is_empty() && rest[5] == 0 {
            put_raw(&mut out, MAX, frame.header, None, frame.body)
                .expect("it was within the limit");
            assert_eq!(out, &rest[..frame.len]);
        } else if let Ok(head) = head {
            // An equal head may be written in another way, so it is compared by value, under a limit of its own.
            put_raw(&mut out, 2 * MAX, frame.header, Some(&head), frame.body)
                .expect("it is not much longer");
            let Ok(Parsed::Frame(again)) = parse::<LinkKind>(&out, 2 * MAX) else {
                panic!("not read back")
            };
            assert_eq!(again.decode_head().as_ref(), Ok(&head));
            assert_eq!((again.header, again.body), (frame.header, frame.body));
        }
        rest = &rest[frame.len..];
    }
}
