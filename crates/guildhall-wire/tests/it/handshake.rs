//! The handshake: who is let in, who is not, and what each side is told.

use bytes::{Bytes, BytesMut};
use guildhall_wire::{Established, Handshake, HandshakeError, Hello};

use crate::hello;

type Result<T = ()> = std::result::Result<T, HandshakeError>;

/// What the link carried, by sender, and how it ended for initiator and acceptor.
struct Run {
    from_initiator: Vec<Bytes>,
    from_acceptor: Vec<Bytes>,
    initiator: Result<Option<Established>>,
    acceptor: Result<Option<Established>>,
}

fn run(initiator: (Hello, &[u8]), acceptor: (Hello, &[u8])) -> Run {
    let mut i = Handshake::initiator(initiator.0, initiator.1).unwrap();
    let mut a = Handshake::acceptor(acceptor.0, acceptor.1).unwrap();
    let mut run = Run {
        from_initiator: Vec::new(),
        from_acceptor: Vec::new(),
        initiator: Ok(None),
        acceptor: Ok(None),
    };
    let (mut to_i, mut to_a) = (BytesMut::new(), BytesMut::new());
    for _ in 0..4 {
        let sent = i.take_output();
        to_a.extend_from_slice(&sent);
        run.from_initiator.push(sent);
        if run.acceptor == Ok(None) {
            run.acceptor = a.read(&mut to_a);
        }
        let sent = a.take_output();
        to_i.extend_from_slice(&sent);
        run.from_acceptor.push(sent);
        if run.initiator == Ok(None) {
            run.initiator = i.read(&mut to_i);
        }
    }
    run
}

#[test]
fn two_apps_that_know_the_secret_learn_each_others_hello_and_the_highest_common_version() {
    let run = run((hello(1, &[1, 2, 3]), b"secret"), (hello(2, &[2, 1]), b"secret"));
    let theirs = Established { peer: hello(2, &[2, 1]), version: 2 };
    assert_eq!(run.initiator, Ok(Some(theirs)));
    assert_eq!(run.acceptor, Ok(Some(Established { peer: hello(1, &[1, 2, 3]), version: 2 })));
}

#[test]
fn two_apps_without_a_secret_meet_but_one_with_a_secret_refuses_one_without() {
    let none = run((hello(1, &[1]), b""), (hello(2, &[1]), b""));
    assert!(matches!((none.initiator, none.acceptor), (Ok(Some(_)), Ok(Some(_)))));
    let one = run((hello(1, &[1]), b""), (hello(2, &[1]), b"secret"));
    assert_eq!((one.initiator, one.acceptor), (Ok(None), Err(HandshakeError::WrongSecret)));
}

#[test]
fn a_stranger_gets_a_hello_but_no_proof() {
    let mut a = Handshake::acceptor(hello(2, &[1]), b"secret").unwrap();
    assert!(a.take_output().is_empty(), "the acceptor speaks second");
    let mut i = Handshake::initiator(hello(1, &[1]), b"guess").unwrap();
    a.read(&mut BytesMut::from(i.take_output())).unwrap();
    i.read(&mut BytesMut::from(a.take_output())).unwrap();
    let refused = a.read(&mut BytesMut::from(i.take_output()));
    assert_eq!(refused, Err(HandshakeError::WrongSecret));
    assert!(a.take_output().is_empty());
}

#[test]
fn an_impostor_that_accepts_is_refused_by_the_initiator() {
    let mut i = Handshake::initiator(hello(1, &[1]), b"secret").unwrap();
    let mut impostor = Handshake::acceptor(hello(2, &[1]), b"guess").unwrap();
    impostor.read(&mut BytesMut::from(i.take_output())).unwrap();
    let mut input = BytesMut::from(impostor.take_output());
    input.extend_from_slice(&[0; 32]);
    assert_eq!(i.read(&mut input), Err(HandshakeError::WrongSecret));
}

#[test]
fn a_replayed_handshake_is_refused() {
    let recorded = run((hello(1, &[1]), b"secret"), (hello(2, &[1]), b"secret"));
    let mut replay = BytesMut::from(&recorded.from_initiator.concat()[..]);
    let mut again = Handshake::acceptor(hello(3, &[1]), b"secret").unwrap();
    assert_eq!(again.read(&mut replay), Err(HandshakeError::WrongSecret));

    let mut replay = BytesMut::from(&recorded.from_acceptor.concat()[..]);
    let mut again = Handshake::initiator(hello(3, &[1]), b"secret").unwrap();
    assert_eq!(again.read(&mut replay), Err(HandshakeError::WrongSecret));
}

#[test]
fn an_echo_of_our_own_bytes_is_refused() {
    let mut i = Handshake::initiator(hello(1, &[1]), b"secret").unwrap();
    let mut echo = BytesMut::from(i.take_output());
    assert_eq!(i.read(&mut echo), Err(HandshakeError::SameNonce));
}

#[test]
fn bytes_moved_from_one_hello_to_the_other_break_the_proofs() {
    let extra = b"\x18\x09"; // methods_hash = 9, valid at the end of one hello and at the start of the other
    let resize = |hello: &[u8], extra: &[u8], front: bool| {
        let body = &hello[8..];
        let body = if front { [extra, body].concat() } else { [body, extra].concat() };
        let length = u32::try_from(body.len()).unwrap().to_le_bytes();
        [b"GHL1", &length[..], &body].concat()
    };
    let mut i = Handshake::initiator(hello(1, &[1]), b"secret").unwrap();
    let mut a = Handshake::acceptor(hello(2, &[1]), b"secret").unwrap();
    a.read(&mut BytesMut::from(&resize(&i.take_output(), extra, false)[..])).unwrap();
    i.read(&mut BytesMut::from(&resize(&a.take_output(), extra, true)[..])).unwrap();
    let refused = a.read(&mut BytesMut::from(i.take_output()));
    assert_eq!(refused, Err(HandshakeError::WrongSecret));
}

#[test]
fn both_versions_are_named_when_none_is_common() {
    let run = run((hello(1, &[3, 4]), b"secret"), (hello(2, &[1]), b"secret"));
    let error = run.initiator.unwrap_err();
    assert_eq!(error, HandshakeError::NoCommonVersion { ours: vec![3, 4], theirs: vec![1] });
    let text = "no common version: we speak [3, 4], the peer [1]; upgrade the older side";
    assert_eq!(error.to_string(), text);
}

#[test]
fn strangers_are_refused_by_their_first_wrong_byte() {
    let mut a = Handshake::acceptor(hello(2, &[1]), b"").unwrap();
    assert_eq!(a.read(&mut BytesMut::from(&b"GH"[..])), Ok(None));
    let refused = a.read(&mut BytesMut::from(&b"GET / HTTP/1.1"[..])).unwrap_err();
    assert_eq!(refused, HandshakeError::BadMagic(Bytes::from_static(b"GET ")));
    assert!(refused.to_string().contains("b\"GET \""), "{refused}");
    assert_eq!(a.read(&mut BytesMut::new()), Err(HandshakeError::Over));
}

#[test]
fn a_hello_that_lacks_something_is_refused_on_both_sides() {
    let mut short = hello(1, &[1]);
    short.nonce = Bytes::from_static(b"short");
    let refused = Handshake::initiator(short, b"").unwrap_err();
    assert_eq!(refused, HandshakeError::BadHello("its nonce has 5 bytes, not 32".into()));
    let nobody = Hello { record: None, ..hello(1, &[1]) };
    assert!(matches!(Handshake::acceptor(nobody, b""), Err(HandshakeError::BadHello(_))));
    let mut long = hello(1, &[1]);
    long.record.as_mut().unwrap().version = "x".repeat(70_000);
    assert!(matches!(Handshake::initiator(long, b""), Err(HandshakeError::TooLong { .. })));

    let mut i = Handshake::initiator(hello(1, &[1]), b"").unwrap();
    let mut garbage = BytesMut::from(&b"GHL1\x01\x00\x00\x00\xff"[..]);
    assert!(matches!(i.read(&mut garbage), Err(HandshakeError::BadHello(_))));
}

#[test]
fn input_byte_by_byte_ends_the_same_and_following_bytes_stay() {
    let mut i = Handshake::initiator(hello(1, &[1]), b"secret").unwrap();
    let mut a = Handshake::acceptor(hello(2, &[1]), b"secret").unwrap();
    let feed = |side: &mut Handshake, bytes: &[u8]| {
        let (mut input, mut done) = (BytesMut::new(), None);
        for byte in bytes {
            input.extend_from_slice(&[*byte]);
            if done.is_none() {
                done = side.read(&mut input).unwrap();
            }
        }
        (done, input)
    };
    assert!(feed(&mut a, &i.take_output()).0.is_none());
    assert!(feed(&mut i, &a.take_output()).0.is_none());
    let (done, rest) = feed(&mut a, &[&i.take_output()[..], b"frame"].concat());
    assert_eq!((done.unwrap().version, &rest[..]), (1, &b"frame"[..]));
    let (done, rest) = feed(&mut i, &[&a.take_output()[..], b"frame"].concat());
    assert_eq!((done.unwrap().version, &rest[..]), (1, &b"frame"[..]));
}

#[test]
fn a_closed_connection_is_explained_by_the_step_it_closed_at() {
    let mut i = Handshake::initiator(hello(1, &[1]), b"secret").unwrap();
    assert!(i.closed().to_string().contains("sent no hello"), "{}", i.closed());
    let mut a = Handshake::acceptor(hello(2, &[1]), b"secret").unwrap();
    a.read(&mut BytesMut::from(i.take_output())).unwrap();
    i.read(&mut BytesMut::from(a.take_output())).unwrap();
    assert!(i.closed().to_string().contains("often the secret"), "{}", i.closed());
}

#[test]
fn debug_output_keeps_the_secret() {
    let text = format!("{:?}", Handshake::initiator(hello(1, &[1]), b"hunter2").unwrap());
    assert_eq!(text, "Handshake { side: \"initiator\", step: \"hello\", .. }");
}
