//! W3C `traceparent`: the text form of a position in a trace.

use guildhall_wire::Trace;

/// The ids of the trace and of the span, if they are such.
pub(super) fn ids(trace: &Trace) -> Option<([u8; 16], [u8; 8])> {
    Some((trace.trace_id[..].try_into().ok()?, trace.span_id[..].try_into().ok()?))
}

/// Writes a place in a trace as W3C's `traceparent`.
pub fn traceparent(trace: &Trace) -> String {
    format!("00-{}-{}-{:02x}", hex(&trace.trace_id), hex(&trace.span_id), trace.flags & 0xff)
}

/// Reads W3C's `traceparent`, of any version that begins like version 0. Ids of zeros only are none.
pub(crate) fn parse_traceparent(text: &str) -> Option<Trace> {
    let mut parts = text.split('-');
    let version = bytes(parts.next()?, 1)?;
    let (trace_id, span_id) = (bytes(parts.next()?, 16)?, bytes(parts.next()?, 8)?);
    let flags = bytes(parts.next()?, 1)?;
    let is_whole = match version[0] {
        0 => parts.next().is_none(),
        version => version != 0xff,
    };
    let are_ids = [&trace_id, &span_id].into_iter().all(|id| id.iter().any(|byte| *byte != 0));
    let flags = u32::from(flags[0]);
    (is_whole && are_ids).then(|| Trace {
        trace_id: trace_id.into(),
        span_id: span_id.into(),
        flags,
    })
}

/// Bytes as small hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// `count` bytes of small hexadecimal digits, and nothing else.
fn bytes(text: &str, count: usize) -> Option<Vec<u8>> {
    if text.len() != count * 2 {
        return None;
    }
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    text.as_bytes().chunks(2).map(|pair| Some((digit(pair[0])? << 4) | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::{parse_traceparent, traceparent};

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn what_is_written_is_what_was_read() {
        assert_eq!(traceparent(&parse_traceparent(PARENT).unwrap()), PARENT);
        let later = PARENT.replacen("00-", "01-", 1) + "-what-comes-later";
        assert!(parse_traceparent(&later).is_some());
    }

    #[test]
    fn what_is_no_traceparent_is_none() {
        let zeros = "00000000000000000000000000000000";
        let wrong = [
            String::new(),
            PARENT[..54].to_owned(),
            PARENT.to_uppercase(),
            PARENT.replacen("00-", "ff-", 1),
            format!("{PARENT}-more"),
            PARENT.replacen("0af7651916cd43dd8448eb211c80319c", zeros, 1),
            PARENT.replacen("b7ad6b7169203331", &zeros[..16], 1),
            PARENT.replacen('a', "ä", 1),
        ];
        for text in wrong {
            assert_eq!(parse_traceparent(&text), None, "{text}");
        }
    }
}
