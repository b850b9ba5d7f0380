//! How the keys of leases are named.

use guildhall_core::store::{Holder, LeaseId};
use guildhall_core::{Incarnation, outside};

/// Longest id or name, in bytes.
pub(crate) const NAME_MAX: usize = 512;

/// What a key is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Session(Holder),
    Lease(LeaseId),
    /// Recorded numbers, and what other versions keep.
    Other,
}

impl Key {
    pub(crate) fn session(holder: &Holder) -> String {
        format!("s.{}.{}", holder.app, holder.incarnation)
    }

    /// # Errors
    /// The id is too long.
    pub(crate) fn lease(id: &str) -> Result<String, String> {
        Ok(format!("l.{}", escape(id)?))
    }

    /// # Errors
    /// The name is too long.
    pub(crate) fn number(name: &str) -> Result<String, String> {
        Ok(format!("n.{}", escape(name)?))
    }

    pub(crate) fn read(key: &str) -> Self {
        let found = match key.split_once('.') {
            Some(("s", rest)) => session_of(rest).map(Self::Session),
            Some(("l", rest)) => unescape(rest).map(|id| Self::Lease(id.into())),
            _ => None,
        };
        // Only the one way to write a key is that key.
        found
            .filter(|found| match found {
                Self::Session(holder) => Self::session(holder) == key,
                Self::Lease(id) => Self::lease(id).is_ok_and(|own| own == key),
                Self::Other => true,
            })
            .unwrap_or(Self::Other)
    }
}

fn session_of(text: &str) -> Option<Holder> {
    let (app, incarnation) = text.rsplit_once('.')?;
    let incarnation = Incarnation(u64::from_str_radix(incarnation, 16).ok()?);
    Some(Holder { app: app.parse().ok()?, incarnation })
}

/// A text as a part of a key: letters, digits, `-` and `/` are themselves, and other bytes `=` and two hex digits.
fn escape(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > NAME_MAX {
        return Err(format!("`{}` is not 1 to {NAME_MAX} bytes long", outside(text)));
    }
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'/' => char::from(byte).to_string(),
        other => format!("={other:02x}"),
    };
    Ok(text.bytes().map(byte).collect())
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        bytes.push(match byte {
            b'=' => u8::try_from(digit(rest.next()?)? << 4 | digit(rest.next()?)?).ok()?,
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
