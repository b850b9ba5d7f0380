//! Names of queues, and errors.

use guildhall_core::outside;
use guildhall_core::queue::{QueueError, QueueErrorKind};

use crate::fault::Fault;

/// Longest name of a queue, in bytes.
const NAME_MAX: usize = 128;

/// The name of a queue as one token of a subject and the name of a consumer: letters, digits and `-` are themselves, and other bytes
/// `_` and two hex digits.
///
/// # Errors
/// It is empty or too long.
pub(super) fn token(operation: &'static str, queue: &str) -> Result<String, QueueError> {
    if queue.is_empty() || queue.len() > NAME_MAX {
        let message = format!("queue `{}` is not 1 to {NAME_MAX} bytes long", outside(queue));
        return Err(QueueError { kind: QueueErrorKind::Unavailable, operation, message });
    }
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
        other => format!("_{other:02x}"),
    };
    Ok(queue.bytes().map(byte).collect())
}

/// The error of an operation.
pub(super) fn failed(operation: &'static str, fault: &Fault) -> QueueError {
    let kind = match fault {
        Fault::Full(_) => QueueErrorKind::Full,
        Fault::Lost(_) => QueueErrorKind::Unknown,
        _ => QueueErrorKind::Unavailable,
    };
    let message = match fault {
        Fault::Full(why) => {
            format!("{why}; take items faster, push fewer, or raise queue_items or queue_bytes")
        }
        other => other.to_string(),
    };
    QueueError { kind, operation, message }
}
