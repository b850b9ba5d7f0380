//! Sets the key in messages that an actor sends to itself.

use bytes::Bytes;
use guildhall_core::rpc::put_key;
use guildhall_core::{KeyField, KeyKind, KeyText};

/// A request that this app has encoded itself, with its key field set to `key`: of several values the last one counts.
pub(super) fn with_key(body: &[u8], field: KeyField, key: &str) -> Bytes {
    let mut body = body.to_vec();
    // An actor's key is canonical text of its method's type.
    let key = match field.kind {
        KeyKind::Text => KeyText::Text(key),
        KeyKind::Uint => KeyText::Uint(number(key)),
        KeyKind::Int => KeyText::Int(number(key)),
    };
    put_key(field, key, &mut body);
    body.into()
}

fn number<N: std::str::FromStr + Default>(key: &str) -> N {
    key.parse().unwrap_or_default()
}
