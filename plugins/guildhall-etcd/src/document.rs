//! The settings document of `app.config`: the value of one key.

use bytes::Bytes;
use guildhall_core::Env;

use crate::client::Client;
use crate::config::Settings;
use crate::proto::RangeRequest;

/// Reads the value of the key that the URL names, on a connection of its own.
pub(crate) async fn document(env: &Env, url: &str) -> Result<Bytes, String> {
    let (settings, key) = Settings::parse_document(url)?;
    let client = Client::new(env, settings);
    let range = RangeRequest { key: Bytes::from(key.clone()), ..RangeRequest::default() };
    let range = client.call(range).await.map_err(|fault| format!("key `{key}`: {fault}"))?;
    let kept = range.kvs.into_iter().find(|kept| kept.key == key.as_bytes());
    let kept = kept.ok_or_else(|| {
        format!("there is no key `{key}`; write one: etcdctl put {key} < FILE.toml")
    })?;
    Ok(kept.value)
}
