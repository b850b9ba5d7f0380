//! Keys of entities: their canonical text, and the slot that the text maps to.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

/// Longest key, in bytes. A key is part of every call, row and log line of its entity.
pub const KEY_LEN_MAX: usize = 128;

/// The reason why a value is not a valid key. A call with such a key fails with `BAD_KEY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoKey {
    /// The key is missing: "" or 0.
    #[error("the key is empty")]
    Empty,
    /// The key exceeds [`KEY_LEN_MAX`]; its length in bytes.
    #[error("the key has {0} bytes, over {KEY_LEN_MAX} (KEY_LEN_MAX)")]
    TooLong(usize),
}

/// The key of an entity in canonical text: integers in decimal, strings as they are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

impl Key {
    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Checks that an entity can have this key.
    ///
    /// # Errors
    /// The key is empty or too long.
    pub fn check(&self) -> Result<(), NoKey> {
        check(&self.0).map(|_| ())
    }
}

/// Converts text to the key of an entity.
pub(crate) fn check(text: &str) -> Result<&str, NoKey> {
    match text.len() {
        0 => Err(NoKey::Empty),
        1..=KEY_LEN_MAX => Ok(text),
        bytes => Err(NoKey::TooLong(bytes)),
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&String> for Key {
    fn from(text: &String) -> Self {
        Self(text.as_str().into())
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &self.0)
    }
}

/// The slot of `key` among `slots` slots: xxh3-64 of its text, modulo `slots`. All apps compute the same.
///
/// # Panics
/// `slots` is 0; the configuration refuses that at start.
pub fn slot_of(key: &str, slots: u32) -> u32 {
    let slot = xxh3_64(key.as_bytes()) % u64::from(slots);
    u32::try_from(slot).expect("a remainder of a u32 fits a u32")
}

/// The types of key fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// string
    Text,
    /// uint32, uint64
    Uint,
    /// int32, int64
    Int,
}

/// The key of a request, before conversion to text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyText<'a> {
    /// The method has no key.
    None,
    /// From a string field.
    Text(&'a str),
    /// From an unsigned field.
    Uint(u64),
    /// From a signed field.
    Int(i64),
}

impl KeyText<'_> {
    /// Passes the canonical text, or the reason why it is not a valid key, to `take` without allocating.
    #[inline]
    pub fn with_text<R>(self, take: impl FnOnce(Result<&str, NoKey>) -> R) -> R {
        match self {
            Self::None | Self::Uint(0) | Self::Int(0) => take(Err(NoKey::Empty)),
            Self::Text(text) => take(check(text)),
            Self::Uint(number) => take(Ok(itoa::Buffer::new().format(number))),
            Self::Int(number) => take(Ok(itoa::Buffer::new().format(number))),
        }
    }
}

/// A Rust type that can be the key of an actor.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the key of an actor",
    note = "keys are String, u64 or i64"
)]
pub trait ActorKey: Clone + Send + Sync + 'static {
    /// The type of key fields in requests and in the actor's entities. Fields of another type are a start error.
    const KIND: KeyKind;

    /// Parses the canonical text; `None` for text that is not a key of this type. Empty text and 0 are not keys.
    fn from_text(text: &str) -> Option<Self>;

    /// The canonical text.
    fn to_text(&self) -> Key;
}

impl ActorKey for String {
    const KIND: KeyKind = KeyKind::Text;

    fn from_text(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn to_text(&self) -> Key {
        Key::from(self.as_str())
    }
}

macro_rules! decimal_keys {
    ($($integer:ty),*) => {$(
        impl From<$integer> for Key {
            fn from(number: $integer) -> Self {
                Self(number.to_string().into())
            }
        }
    )*};
}
decimal_keys!(u64, i64, u32, i32);

macro_rules! integer_keys {
    ($($integer:ty: $kind:ident),*) => {$(
        impl ActorKey for $integer {
            const KIND: KeyKind = KeyKind::$kind;

            fn from_text(text: &str) -> Option<Self> {
                text.parse().ok().filter(|n| *n != 0)
            }

            fn to_text(&self) -> Key {
                Key::from(self.to_string())
            }
        }
    )*};
}
integer_keys!(u64: Uint, i64: Int);
