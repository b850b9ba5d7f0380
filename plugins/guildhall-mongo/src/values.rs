//! Texts and numbers of documents. BSON has no unsigned numbers, and some servers make small ones 32 bits wide.

use mongodb::bson::{Bson, Document};

const SIGN: u64 = 1 << 63;

/// A number so that the server orders it as it is.
pub(crate) fn ordered(n: u64) -> i64 {
    (n ^ SIGN).cast_signed()
}

pub(crate) fn unordered(n: i64) -> u64 {
    n.cast_unsigned() ^ SIGN
}

/// A text of a document; the error says what is damaged.
pub(crate) fn text(document: &Document, name: &str) -> Result<String, String> {
    document.get_str(name).map(ToOwned::to_owned).map_err(|error| format!("{name}: {error}"))
}

/// A number of a document; the error says what is damaged.
pub(crate) fn int(document: &Document, name: &str) -> Result<i64, String> {
    match document.get(name) {
        Some(Bson::Int64(n)) => Ok(*n),
        Some(Bson::Int32(n)) => Ok((*n).into()),
        other => Err(format!("{name} is {other:.40?} and no number")),
    }
}
