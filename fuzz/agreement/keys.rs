//! The three that read the key of one request: a gate that routes by it, an app that dispatches by it, and prost, which decodes it.
//! They find one key, or one of them refuses the call. Shared by a fuzz target, a test and an example.

use bytes::Bytes;
use guildhall_core::{KeyField, KeyKind, KeyText};
use guildhall_runtime::raw::{Keyed, find_key};
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
                Ok(keyed) => keyed.as_raw().encode_to_vec(),
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

/// Bodies from a seed: random bytes, whole messages, and messages that were changed as an attacker or a fault would.
pub(super) struct Bodies(u64);

impl Bodies {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// The next one.
    pub(super) fn next(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        if self.below(8) == 0 {
            let len = self.below(24);
            body.extend((0..len).map(|_| 0u8));
            body.iter_mut().for_each(|byte| *byte = self.byte());
            return body;
        }
        for _ in 0..self.below(5) {
            self.put_field(&mut body, 2);
        }
        for _ in 0..self.below(3) {
            self.spoil(&mut body);
        }
        body
    }

    fn put_field(&mut self, body: &mut Vec<u8>, depth: u32) {
        let number = [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 2048][self.index(12)];
        let wire = if self.below(4) == 0 { self.below(8) } else { usual(number) };
        self.put_varint(body, number << 3 | wire);
        match wire {
            0 => {
                let bits = self.next_bits() >> self.below(64);
                self.put_varint(body, bits);
            }
            1 => body.extend(self.next_bits().to_le_bytes()),
            2 => {
                let mut inside = Vec::new();
                match depth > 0 && self.below(3) == 0 {
                    true => self.put_field(&mut inside, depth - 1),
                    false => (0..self.below(9)).for_each(|_| inside.push(self.byte() & 0x7f)),
                }
                self.put_varint(body, inside.len() as u64);
                body.extend(inside);
            }
            3 if depth > 0 => {
                self.put_field(body, depth - 1);
                self.put_varint(body, number << 3 | 4);
            }
            5 => body.extend(&self.next_bits().to_le_bytes()[..4]),
            _ => {}
        }
    }

    /// Sometimes longer than it must be.
    fn put_varint(&mut self, body: &mut Vec<u8>, mut bits: u64) {
        while bits >= 0x80 {
            body.push(bits as u8 | 0x80);
            bits >>= 7;
        }
        match self.below(16) {
            0 => body.extend([bits as u8 | 0x80, 0x80, 0x00]),
            _ => body.push(bits as u8),
        }
    }

    fn spoil(&mut self, body: &mut Vec<u8>) {
        let at = self.index(body.len() + 1);
        match self.below(7) {
            // It ends in the head of a field that swallows what is appended.
            0 => body.extend([[0x7a, 0x22, 0x12, 0x3a][self.index(4)], self.below(16) as u8]),
            1 => body.push([0x7d, 0x79, 0x45, 0x41, 0x78, 0x08, 0xfa, 0x7b][self.index(8)]),
            2 => body.truncate(at),
            3 => body.insert(at, self.byte()),
            4 if at < body.len() => body[at] ^= 1 << self.below(8),
            5 if at < body.len() => body[at] = self.byte(),
            _ => {
                let copy = body[at..].to_vec();
                body.extend(copy);
            }
        }
    }

    fn byte(&mut self) -> u8 {
        self.next_bits() as u8
    }

    fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next_bits() >> 16) % end.max(1)
    }

    fn next_bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

fn usual(number: u64) -> u64 {
    match number {
        1 | 3 | 5 | 6 => 0,
        8 => 1,
        9 => 5,
        _ => 2,
    }
}
