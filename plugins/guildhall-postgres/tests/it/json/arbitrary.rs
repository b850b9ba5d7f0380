//! Arbitrary bytes of messages: every way in which a writer may write a field, and mutations of it.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

/// Numbers by a seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most as u64).unwrap()
    }

    fn edge(&mut self) -> u64 {
        let edges = [
            0,
            1,
            2,
            127,
            128,
            1 << 31,
            u64::from(u32::MAX),
            1 << 63,
            u64::MAX,
            (-3_i64).cast_unsigned(),
        ];
        match self.below(3) {
            0 => self.next() >> self.below(64),
            _ => edges[self.below(edges.len())],
        }
    }
}

pub(crate) fn varint(mut value: u64, to: &mut Vec<u8>) {
    while value >= 128 {
        to.push(value.to_le_bytes()[0] | 128);
        value >>= 7;
    }
    to.push(value.to_le_bytes()[0]);
}

/// A field of bytes: its key, its length, its bytes.
pub(crate) fn put(number: u32, bytes: &[u8], to: &mut Vec<u8>) {
    varint(u64::from(number << 3 | 2), to);
    varint(bytes.len() as u64, to);
    to.extend_from_slice(bytes);
}

/// A message with up to `most` occurrences of fields.
pub(crate) fn bytes(of: &MessageDescriptor, most: usize, dice: &mut Dice) -> Vec<u8> {
    let fields: Vec<_> = of.fields().collect();
    let mut bytes = Vec::new();
    let mut last = 0;
    for _ in 0..dice.below(most + 1) {
        // The same again now and then, so that fields meet themselves.
        if dice.below(3) > 0 {
            last = dice.below(fields.len());
        }
        field(&fields[last], most, dice, &mut bytes);
    }
    bytes
}

fn field(field: &FieldDescriptor, most: usize, dice: &mut Dice, to: &mut Vec<u8>) {
    let (number, kind) = (field.number(), field.kind());
    match &kind {
        Kind::Message(of) => put(number, &bytes(of, most / 2, dice), to),
        Kind::String => {
            let texts = ["", "ann", "\0a\u{1}\u{1}", "\u{10ffff}\"\\", "żółw 龟", "\u{1}"];
            put(number, texts[dice.below(texts.len())].as_bytes(), to);
        }
        Kind::Bytes => {
            let long = dice.below(90);
            let raw: Vec<u8> = (0..long).map(|_| dice.next().to_le_bytes()[0]).collect();
            put(number, &raw, to);
        }
        _ if field.is_list() && dice.below(2) == 0 => {
            let mut packed = Vec::new();
            for _ in 0..dice.below(4) {
                scalar(&kind, dice, &mut packed);
            }
            put(number, &packed, to);
        }
        _ => {
            varint(u64::from(number << 3 | wire(&kind)), to);
            scalar(&kind, dice, to);
        }
    }
}

fn wire(kind: &Kind) -> u32 {
    match kind {
        Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => 1,
        Kind::Fixed32 | Kind::Sfixed32 | Kind::Float => 5,
        _ => 0,
    }
}

fn scalar(kind: &Kind, dice: &mut Dice, to: &mut Vec<u8>) {
    let doubles = [
        0.1,
        -0.0,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
        -1e-310,
    ];
    let floats = [
        0.1,
        -0.0,
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::MAX,
        f32::MIN_POSITIVE,
        1e-45,
        -1e-40,
    ];
    let value = match (kind, dice.below(2)) {
        (Kind::Double, 0) => doubles[dice.below(doubles.len())].to_bits(),
        (Kind::Float, 0) => floats[dice.below(floats.len())].to_bits().into(),
        (Kind::Double | Kind::Float, _) => dice.next(),
        _ => dice.edge(),
    };
    match wire(kind) {
        0 => varint(value, to),
        1 => to.extend_from_slice(&value.to_le_bytes()),
        _ => to.extend_from_slice(&value.to_le_bytes()[..4]),
    }
}

/// Changes a few bytes, cuts, or doubles a part.
pub(crate) fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..=dice.below(3) {
        if bytes.is_empty() {
            bytes.push(0);
        }
        let at = dice.below(bytes.len());
        match dice.below(5) {
            0 => bytes.truncate(at),
            1 => bytes[at] = dice.next().to_le_bytes()[0],
            2 => bytes[at] ^= 1 << dice.below(8),
            3 => bytes.insert(at, 0xff),
            _ => {
                let part = bytes[at..].to_vec();
                bytes.extend_from_slice(&part);
            }
        }
    }
}
