//! Unknown fields in message columns, which an older release keeps when it saves the column.

use std::collections::VecDeque;

use prost::encoding::{
    DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field,
};

/// The fields of a message that this release knows: generated.
#[derive(Debug)]
pub struct Tags(pub &'static [(u32, Known)]);

/// What a known field holds.
#[derive(Debug)]
pub enum Known {
    /// No message, or one of Google's.
    Plain,
    /// A message.
    One(&'static Tags),
    /// A list of messages.
    List(&'static Tags),
    /// A map whose values are messages.
    Map(&'static Tags),
}

/// The numbers of a map's entry.
const MAP_KEY: u32 = 1;
const MAP_VALUE: u32 = 2;

/// One field of an encoded message.
#[derive(Clone, Copy)]
struct Field<'a> {
    number: u32,
    /// Tag and all.
    whole: &'a [u8],
    /// Of a field with a length; of others it is empty.
    body: &'a [u8],
}

impl Tags {
    /// Whether an encoded message has fields that this release does not know, at any depth.
    pub fn unknown_in(&self, message: &[u8]) -> bool {
        fields(message).any(|field| match self.of(field.number) {
            None => true,
            Some(Known::Plain) => false,
            Some(Known::One(tags) | Known::List(tags)) => tags.unknown_in(field.body),
            Some(Known::Map(tags)) => tags.unknown_in(&body_of(field.body, MAP_VALUE)),
        })
    }

    /// The message `new` with the unknown fields of `old`, the message as it was loaded.
    ///
    /// A message that is still there keeps them, and so does the value of a map's key. Elements of a list have no names: one
    /// that is as it was loaded keeps them, one that has changed loses them.
    pub fn merge(&self, new: &[u8], old: &[u8]) -> Vec<u8> {
        let mut merged = Vec::with_capacity(old.len().max(new.len()));
        let mut lists = Vec::new();
        for field in fields(new) {
            let body = match self.of(field.number) {
                None | Some(Known::Plain) => {
                    merged.extend_from_slice(field.whole);
                    continue;
                }
                Some(Known::One(tags)) => tags.merge(field.body, &body_of(old, field.number)),
                Some(Known::List(tags)) => {
                    let at = lists.iter().position(|(number, _)| *number == field.number);
                    let at = at.unwrap_or_else(|| {
                        lists.push((field.number, tags.elements(old, field.number)));
                        lists.len() - 1
                    });
                    take(&mut lists[at].1, field.body)
                }
                Some(Known::Map(tags)) => tags.merge_entry(field, old),
            };
            put(field.number, &body, &mut merged);
        }
        let unknown = fields(old).filter(|field| self.of(field.number).is_none());
        unknown.for_each(|field| merged.extend_from_slice(field.whole));
        merged
    }

    fn of(&self, number: u32) -> Option<&Known> {
        self.0.iter().find(|(known, _)| *known == number).map(|(_, known)| known)
    }

    /// The message without its unknown fields.
    fn strip(&self, message: &[u8]) -> Vec<u8> {
        let mut known = Vec::with_capacity(message.len());
        for field in fields(message) {
            match self.of(field.number) {
                None => {}
                Some(Known::Plain) => known.extend_from_slice(field.whole),
                Some(Known::One(tags) | Known::List(tags)) => {
                    put(field.number, &tags.strip(field.body), &mut known);
                }
                Some(Known::Map(tags)) => {
                    let mut entry = Vec::new();
                    for part in fields(field.body) {
                        match part.number {
                            MAP_VALUE => put(MAP_VALUE, &tags.strip(part.body), &mut entry),
                            _ => entry.extend_from_slice(part.whole),
                        }
                    }
                    put(field.number, &entry, &mut known);
                }
            }
        }
        known
    }

    /// The elements of a list that have unknown fields: without and with them.
    fn elements<'a>(&self, list: &'a [u8], number: u32) -> VecDeque<(Vec<u8>, &'a [u8])> {
        let elements = fields(list).filter(|field| field.number == number);
        let elements = elements.filter(|field| self.unknown_in(field.body));
        elements.map(|field| (self.strip(field.body), field.body)).collect()
    }

    fn merge_entry(&self, entry: Field<'_>, old: &[u8]) -> Vec<u8> {
        let key = |entry: &[u8]| {
            fields(entry).find(|it| it.number == MAP_KEY).map(|it| it.whole.to_vec())
        };
        let mut before = fields(old).filter(|it| it.number == entry.number);
        let Some(before) = before.find(|it| key(it.body) == key(entry.body)) else {
            return entry.body.to_vec();
        };
        let value = self.merge(&body_of(entry.body, MAP_VALUE), &body_of(before.body, MAP_VALUE));
        let mut merged = key(entry.body).unwrap_or_default();
        put(MAP_VALUE, &value, &mut merged);
        merged
    }
}

/// The element as it was loaded, if it is the same; each is given once.
fn take(elements: &mut VecDeque<(Vec<u8>, &[u8])>, element: &[u8]) -> Vec<u8> {
    let at = elements.iter().position(|(known, _)| known == element);
    let found = at.and_then(|at| elements.remove(at));
    found.map_or(element, |(_, whole)| whole).to_vec()
}

/// All bodies of a field, one after the other: protobuf merges them.
fn body_of(message: &[u8], number: u32) -> Vec<u8> {
    let parts = fields(message).filter(|field| field.number == number);
    parts.flat_map(|field| field.body.iter().copied()).collect()
}

fn put(number: u32, body: &[u8], to: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, to);
    encode_varint(body.len() as u64, to);
    to.extend_from_slice(body);
}

/// The fields of an encoded message, up to the first that is none.
fn fields(message: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        let begin = rest;
        let (number, wire) = decode_key(&mut rest).ok()?;
        let mut body = &rest[..0];
        if wire == WireType::LengthDelimited {
            let length = usize::try_from(decode_varint(&mut rest).ok()?).ok()?;
            body = rest.get(..length)?;
            rest = &rest[length..];
        } else {
            skip_field(wire, number, &mut rest, DecodeContext::default()).ok()?;
        }
        Some(Field { number, whole: &begin[..begin.len() - rest.len()], body })
    })
}
