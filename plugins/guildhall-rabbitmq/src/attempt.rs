//! How often an item was delivered.

use lapin::message::Delivery;
use lapin::types::AMQPValue;

/// How often it was delivered, this time included. Quorum queues count; of others only a repetition is known.
pub(crate) fn attempt(delivery: &Delivery) -> u32 {
    let headers = delivery.properties.headers().as_ref();
    let count = headers.and_then(|headers| headers.inner().get("x-delivery-count"));
    let count = match count {
        Some(AMQPValue::LongLongInt(count)) => u32::try_from(*count).unwrap_or_default(),
        Some(AMQPValue::LongInt(count)) => u32::try_from(*count).unwrap_or_default(),
        Some(AMQPValue::LongUInt(count)) => *count,
        Some(AMQPValue::ShortInt(count)) => u32::try_from(*count).unwrap_or_default(),
        Some(AMQPValue::ShortShortInt(count)) => u32::try_from(*count).unwrap_or_default(),
        Some(AMQPValue::ShortShortUInt(count)) => u32::from(*count),
        _ => u32::from(delivery.redelivered),
    };
    count.saturating_add(1)
}
