//! What decoders allocate: a limit is checked before memory is promised, and nothing multiplies what was received.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bytes::{Bytes, BytesMut};
use guildhall_wire::frame::{FrameError, LinkKind, parse};
use guildhall_wire::{Handshake, HandshakeError, Packet};
use proptest::prelude::{any, prop_assert, proptest};

use crate::{MAX, hello};

/// Counts per thread, so that tests beside this one do not count.
struct Counting;

thread_local! {
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[allow(unsafe_code, reason = "an allocator cannot be written without")]
// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.get().saturating_add(layout.size());
        LIVE.set(live);
        PEAK.set(PEAK.get().max(live));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get().saturating_sub(layout.size()));
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(at, layout) }
    }
}

/// How many bytes more than before were allocated at once while `f` ran.
fn peak_of<T>(f: impl FnOnce() -> T) -> (usize, T) {
    let before = LIVE.get();
    PEAK.set(before);
    let result = f();
    (PEAK.get() - before, result)
}

#[test]
fn a_frame_that_promises_four_gigabytes_allocates_nothing() {
    let (peak, result) = peak_of(|| parse::<LinkKind>(&[0xff; 20], MAX));
    assert!(matches!(result, Err(FrameError::TooLarge(_))));
    assert_eq!(peak, 0);
}

#[test]
fn a_stream_reserves_no_more_than_the_limit() {
    let mut input = BytesMut::from(&[0x00, 0x08, 0, 0][..]);
    let (peak, result) = peak_of(|| Packet::take(&mut input, 4096));
    assert_eq!(result.unwrap(), None);
    assert!(peak <= 4096, "reserved {peak}");
}

#[test]
fn a_hello_over_the_limit_allocates_nothing_of_its_size() {
    let mut acceptor = Handshake::acceptor(hello(2, &[1]), b"secret").unwrap();
    let mut input = BytesMut::from(&b"GHL1\x01\x00\x01\x00"[..]);
    let (peak, result) = peak_of(|| acceptor.read(&mut input));
    assert_eq!(result, Err(HandshakeError::TooLong { length: 65_537, max: 65_536 }));
    assert!(peak < 64, "allocated {peak}");
}

#[test]
fn nothing_of_a_stranger_is_decoded_before_its_proof() {
    // Two bytes per empty service would become 24 each.
    let services = [0x52, 0x00].repeat(32_000);
    let mut input = BytesMut::from(&b"GHL1"[..]);
    input.extend_from_slice(&u32::try_from(services.len() + 4).unwrap().to_le_bytes());
    input.extend_from_slice(&[0x0a, 0x80, 0xf4, 0x03]);
    input.extend_from_slice(&services);
    input.extend_from_slice(&[0; 32]);
    let mut acceptor = Handshake::acceptor(hello(2, &[1]), b"secret").unwrap();
    let (peak, result) = peak_of(|| acceptor.read(&mut input));
    assert_eq!(result, Err(HandshakeError::WrongSecret));
    assert!(peak < 1024, "allocated {peak}");
}

/// Bytes of a packet that begin like one, so that decoding gets past the header.
fn framed(kind: u8, flags: u8, rest: &[u8]) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.extend_from_slice(&u32::try_from(rest.len() + 16).unwrap().to_le_bytes());
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&[0; 14]);
    bytes.extend_from_slice(rest);
    bytes.freeze()
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_without_panic_and_within_their_size(
        kind in 0_u8..48, flags in 0_u8..3, rest in proptest::collection::vec(any::<u8>(), 0..600),
    ) {
        let allowed = 1024 + 4 * rest.len();
        let (peak, _) = peak_of(|| parse::<LinkKind>(&rest, MAX));
        prop_assert!(peak == 0, "parse allocated {peak}");
        let frame = framed(kind, flags, &rest);
        for bytes in [Bytes::from(rest.clone()), frame] {
            let (peak, _) = peak_of(|| Packet::from_frame(&bytes, MAX));
            prop_assert!(peak <= allowed, "from_frame allocated {peak}");
            let mut input = BytesMut::from(&bytes[..]);
            let (peak, _) = peak_of(|| Packet::take(&mut input, 4096));
            prop_assert!(peak <= allowed + 4096, "take allocated {peak}");
            let text = String::from_utf8_lossy(&bytes);
            let (peak, _) = peak_of(|| Packet::from_json(&text, MAX));
            prop_assert!(peak <= allowed, "from_json allocated {peak}");
        }
        if let Ok(guildhall_wire::Parsed::Frame(frame)) = parse::<LinkKind>(&framed(kind, flags, &rest), MAX) {
            drop(frame.decode_head());
        }
    }

    #[test]
    fn any_json_of_a_packets_fields_is_read_without_panic_and_within_its_size(
        field in "id|seq|method|body|resent|answered|token|resume|last_push|code|reason|message|effect|x",
        value in "[0-9]{1,25}|true|null|\"[a-zA-Z\\\\u0-9\"]{0,40}\"|\\[{0,300}|(\\{\"a\":){0,300}",
        kind in 0_usize..12,
    ) {
        const KINDS: [&str; 12] = ["hello", "welcome", "call", "cast", "reply", "error", "push", "ack", "ping", "pong", "kick", "reset"];
        let text = format!("{{\"kind\":\"{}\",\"{field}\":{value}}}", KINDS[kind]);
        let (peak, _) = peak_of(|| Packet::from_json(&text, MAX));
        prop_assert!(peak <= 2048 + 4 * text.len(), "allocated {peak}");
    }

    #[test]
    fn any_bytes_are_refused_or_awaited_by_both_sides_of_a_handshake(
        magic in any::<bool>(), rest in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let bytes = if magic { [b"GHL1", &rest[..]].concat() } else { rest };
        for mut side in [
            Handshake::initiator(hello(1, &[1]), b"secret").unwrap(),
            Handshake::acceptor(hello(2, &[1]), b"secret").unwrap(),
        ] {
            let mut input = BytesMut::from(&bytes[..]);
            prop_assert!(!matches!(side.read(&mut input), Ok(Some(_))));
        }
    }
}

#[test]
fn deep_json_is_refused_or_kept_but_never_overflows_the_stack() {
    for open in ["[", "{\"a\":"] {
        let deep = open.repeat(100_000);
        let text = format!("{{\"kind\":\"ping\",\"body\":{deep}");
        assert!(Packet::from_json(&text, MAX).is_err());
        let text = format!("{{\"kind\":\"ping\",\"other\":{deep}");
        assert!(Packet::from_json(&text, MAX).is_err());
    }
    let closed = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let text = format!("{{\"kind\":\"reply\",\"id\":1,\"body\":{closed}}}");
    assert!(Packet::from_json(&text, MAX).is_ok());
}
