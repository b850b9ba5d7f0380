//! Keys as the agent lists them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use guildhall_kv::Entry;
use serde::Deserialize;

use crate::client::Answer;
use crate::fault::Fault;

/// A key.
#[derive(Deserialize)]
pub(super) struct Pair {
    #[serde(rename = "Key")]
    key: String,
    /// In Base64; absent in the answer to a write, and where it is empty.
    #[serde(rename = "Value")]
    value: Option<String>,
    #[serde(rename = "ModifyIndex")]
    pub(super) modify_index: u64,
}

impl Pair {
    pub(super) fn entry(self, prefix: &str) -> Result<Entry, Fault> {
        let garbled = |what: &str| Fault::Garbled(format!("a key with {what}"));
        let key = self.key.strip_prefix(prefix).ok_or_else(|| garbled("another prefix"))?;
        let value = STANDARD.decode(self.value.unwrap_or_default());
        let value = value.map_err(|_| garbled("a value that is not Base64"))?;
        let (key, revision) = (key.to_owned(), self.modify_index);
        Ok(Entry { key, value: Some(value.into()), revision })
    }
}

/// The keys of a list.
pub(super) fn entries(answer: &Answer, prefix: &str) -> Result<Vec<Entry>, Fault> {
    // No such key.
    if answer.body.is_empty() {
        return Ok(Vec::new());
    }
    let pairs: Vec<Pair> =
        serde_json::from_slice(&answer.body).map_err(|error| Fault::Garbled(error.to_string()))?;
    pairs.into_iter().map(|pair| pair.entry(prefix)).collect()
}

/// What is known of a list: the revision of each key.
#[derive(Default)]
pub(super) struct Known(BTreeMap<String, u64>);

impl Known {
    pub(super) fn of(entries: &[Entry]) -> Self {
        Self(entries.iter().map(|entry| (entry.key.clone(), entry.revision)).collect())
    }

    /// What has changed in a list as of `index`, in the order of the writes; what is gone comes first.
    pub(super) fn changes(&mut self, now: Vec<Entry>, index: u64) -> Vec<Entry> {
        let before = std::mem::replace(self, Self::of(&now));
        let is_gone = |key: &&String| !self.0.contains_key(*key);
        let gone = before.0.keys().filter(is_gone);
        let gone = gone.map(|key| Entry { key: key.clone(), value: None, revision: index });
        let mut changed: Vec<_> =
            now.into_iter().filter(|e| before.0.get(&e.key) != Some(&e.revision)).collect();
        changed.sort_by_key(|entry| entry.revision);
        gone.chain(changed).collect()
    }
}

#[cfg(test)]
mod tests;
