//! A copy of a request's key on the stack, which outlives the request; and the slot of a key, which is computed once.

use guildhall_core::status::reason;
use guildhall_core::{Code, KEY_LEN_MAX, KeyText, MethodDesc, Model, Status};

/// The slot of a key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeySlot {
    pub(crate) at: u32,
    /// The number of slots.
    pub(crate) of: u32,
}

/// The key of a call to an actor.
pub(super) enum KeptKey {
    /// It needs no text, or nothing dispatches by it.
    Plain(KeyText<'static>),
    Text([u8; KEY_LEN_MAX], usize),
}

impl KeptKey {
    /// # Errors
    /// No actor can have this key.
    pub(super) fn of(method: &MethodDesc, key: KeyText<'_>) -> Result<Self, Status> {
        let text = match key {
            _ if method.model != Model::Actor => return Ok(Self::Plain(KeyText::None)),
            KeyText::None => return Ok(Self::Plain(KeyText::None)),
            KeyText::Uint(number) => return Ok(Self::Plain(KeyText::Uint(number))),
            KeyText::Int(number) => return Ok(Self::Plain(KeyText::Int(number))),
            KeyText::Text(text) => text,
        };
        key.with_text(|checked| checked.map(drop)).map_err(|why| {
            let why = format!("{}: {why}", method.path);
            Status::not_run(Code::InvalidArgument, reason::BAD_KEY, why)
        })?;
        let mut kept = [0; KEY_LEN_MAX];
        kept[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self::Text(kept, text.len()))
    }

    pub(super) fn text(&self) -> KeyText<'_> {
        match self {
            Self::Plain(key) => *key,
            Self::Text(kept, len) => {
                KeyText::Text(std::str::from_utf8(&kept[..*len]).unwrap_or_default())
            }
        }
    }
}
