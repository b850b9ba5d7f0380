//! The three that read the key of one request: a gate that routes by it, an app that dispatches by it, and prost, which decodes it.
//! They find one key, or one of them refuses the call. Shared by a fuzz target, a test and an example.

use bytes::Bytes;
use guildhall_core::rpc::{Keyed, find_key};
use guildhall_core::{KeyField, KeyKind, KeyText};
use prost::Message;

/// A request with a field of each type that a key can have, and of what else may stand around it.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Req {
    #[prost(int64, tag = "1")]
    id: i64,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(uint32, tag = "3")]
    small: u32,
    #[prost(message, optional, boxed, tag = "4")]
    inner: Option<Box<Req>>,
    #[prost(int32, tag = "5")]
    tiny: i32,
    #[prost(uint64, tag = "6")]
    wide: u64,
    #[prost(oneof = "Choice", tags = "7, 8")]
    choice: Option<Choice>,
    #[prost(fixed32, repeated, tag = "9")]
    list: Vec<u32>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Choice {
    #[prost(string, tag = "7")]
    Text(String),
    #[prost(double, tag = "8")]
    Number(f64),
}

/// A key field, how prost reads it, and players' ids that it takes.
struct Case {
    field: KeyField,
    decoded: fn(&Req) -> KeyText<'_>,
    players: [KeyText<'static>; 3],
}

const fn field(number: u32, kind: KeyKind, narrow: bool) -> KeyField {
    KeyField { number, kind, narrow }
}

/// Their encodings have 2 to 11 bytes, 4 and 8 among them: the sizes that a fixed field of a hostile body may swallow.
const CASES: [Case; 5] = [
    Case {
        field: field(1, KeyKind::Int, false),
        decoded: |req| KeyText::Int(req.id),
        players: [KeyText::Int(7), KeyText::Int(1 << 20), KeyText::Int(-1)],
    },
    Case {
        field: field(2, KeyKind::Text, false),
        decoded: |req| KeyText::Text(&req.name),
        players: [KeyText::Text("ev"), KeyText::Text("eve"), KeyText::Text("evelyn")],
    },
    Case {
        field: field(3, KeyKind::Uint, true),
        decoded: |req| KeyText::Uint(req.small as u64),
        players: [KeyText::Uint(7), KeyText::Uint(1 << 20), KeyText::Uint(u32::MAX as u64)],
    },
    Case {
        field: field(5, KeyKind::Int, true),
        decoded: |req| KeyText::Int(req.tiny as i64),
        players: [KeyText::Int(7), KeyText::Int(-7), KeyText::Int(i32::MIN as i64)],
    },
    Case {
        field: field(6, KeyKind::Uint, false),
        decoded: |req| KeyText::Uint(req.wide),
        players: [KeyText::Uint(7), KeyText::Uint(1 << 48), KeyText::Uint(u64::MAX)],
    },
];

/// What became of one body, over all key fields and players.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Calls for which all three found one key.
    pub(super) agreed: u64,
    /// Calls that one of them refused.
    pub(super) refused: u64,
}

/// Reads `body` in all three ways, as a call whose key the client says and as one whose key is the player.
///
/// # Panics
/// Two of them find different keys, or a gate refuses what the callee would have understood.
pub(super) fn compare(body: &[u8]) -> Outcome {
    let mut outcome = Outcome::default();
    let body = Bytes::copy_from_slice(body);
    let decoded = Req::decode(body.clone());
    for case in &CASES {
        let routed = find_key(&body, case.field);
        match (&decoded, &routed) {
            (Ok(req), Ok(key)) => {
                assert_eq!((case.decoded)(req), *key, "the client's key, field {:?}", case.field);
                outcome.agreed += 1;
            }
            (Ok(req), Err(why)) => panic!("a gate refuses {req:?}: {why}"),
            (Err(_), _) => outcome.refused += 1,
        }
        for player in case.players {
            let sent = match Keyed::new(body.clone(), case.field, player) {
                Ok(keyed) => [keyed.parts().0, keyed.parts().1].concat(),
                Err(_) => {
                    assert!(decoded.is_err(), "a gate refuses a body that decodes: {body:?}");
                    outcome.refused += 1;
                    continue;
                }
            };
            assert_eq!(find_key(&sent, case.field), Ok(player), "the dispatcher, {:?}", case.field);
            match Req::decode(&*sent) {
                Ok(req) => {
                    assert_eq!((case.decoded)(&req), player, "prost, field {:?}", case.field);
                    outcome.agreed += 1;
                }
                Err(_) => outcome.refused += 1,
            }
        }
    }
    outcome
}

/// The fields of [`Req`] and others, each with its usual wire type.
pub(super) const FIELDS: &[(u64, u64)] = &[
    (1, 0),
    (2, 2),
    (3, 0),
    (4, 2),
    (5, 0),
    (6, 0),
    (7, 2),
    (8, 1),
    (9, 5),
    (15, 2),
    (16, 0),
    (2048, 2),
];
