//! A registration in the metadata of a service, which has short texts only.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use guildhall_core::discovery::NodeRecord;

/// Characters of a value, and values, that Consul permits.
const VALUE_MAX: usize = 512;
const VALUES_MAX: usize = 60;

/// The metadata of a service.
pub(crate) type Meta = BTreeMap<String, String>;

/// The metadata of a registration.
///
/// # Errors
/// It is too large for Consul.
pub(crate) fn encode(record: &[u8]) -> Result<Meta, String> {
    let text = STANDARD.encode(record);
    let parts = text.as_bytes().chunks(VALUE_MAX);
    let count = parts.len();
    if count > VALUES_MAX {
        let (bytes, most) = (record.len(), VALUE_MAX * VALUES_MAX / 4 * 3);
        return Err(format!(
            "the registration has {bytes} bytes; a service of Consul has {most}: give the app fewer services or labels"
        ));
    }
    let parts = parts.map(|part| String::from_utf8_lossy(part).into_owned());
    let named = parts.enumerate().map(|(n, part)| (format!("guildhall-record-{n:02}"), part));
    Ok([("guildhall-parts".to_owned(), count.to_string())].into_iter().chain(named).collect())
}

/// The registration in the metadata of a service; `None`: it is damaged, or none.
pub(crate) fn decode(meta: &Meta) -> Option<NodeRecord> {
    let count = meta.get("guildhall-parts")?.parse().ok().filter(|count| *count <= VALUES_MAX)?;
    let parts =
        (0..count).map(|n| meta.get(&format!("guildhall-record-{n:02}")).map(String::as_str));
    let record = STANDARD.decode(parts.collect::<Option<String>>()?).ok()?;
    NodeRecord::decode(&record).ok()
}

#[cfg(test)]
mod tests;
