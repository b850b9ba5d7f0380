//! The public keys of a JWKS file, selected by `kid`.

use std::collections::BTreeMap;

use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// A key, and the algorithm that it says it is for, if it says so.
pub(super) struct Key {
    pub(super) key: DecodingKey,
    algorithm: Option<Algorithm>,
}

impl Key {
    /// Whether a token with this algorithm may be checked with it.
    pub(super) fn fits(&self, algorithm: Algorithm) -> bool {
        self.key.family() == algorithm.family() && self.algorithm.is_none_or(|own| own == algorithm)
    }
}

/// By `kid`; the empty one is a key without.
pub(super) struct Keys(BTreeMap<String, Key>);

#[derive(Deserialize)]
struct File {
    keys: Vec<Value>,
}

impl Keys {
    /// Reads the file. A key that is not for tokens of these algorithms is skipped, with a warning: issuers publish new kinds of
    /// keys beside the old ones.
    ///
    /// # Errors
    /// It is no JWKS file, two of its keys have one `kid`, or no key is left.
    pub(super) fn load(path: &str, algorithms: &[Algorithm]) -> Result<Self, String> {
        if path.is_empty() {
            return Err("a gate needs keys to check tokens with: set gate.jwt.keys to the path of a JWKS file, \
                 or give the gate another way with Gate::authenticate"
                .into());
        }
        let wrong = |why: String| format!("gate.jwt.keys = \"{path}\": {why}");
        let text = guildhall_core::read_text(path).map_err(|e| wrong(e.to_string()))?;
        let file: File =
            serde_json::from_str(&text).map_err(|e| wrong(format!("no JWKS file: {e}")))?;
        let (mut keys, mut skipped) = (BTreeMap::new(), Vec::new());
        for value in &file.keys {
            let kid = value.get("kid").and_then(Value::as_str).unwrap_or_default();
            match key(value, algorithms) {
                Ok(key) => {
                    if keys.insert(kid.to_owned(), key).is_some() {
                        return Err(wrong(format!("two keys have the kid `{kid}`")));
                    }
                }
                Err(why) => {
                    tracing::warn!(path, kid, why, "token key skipped (gate.jwt.keys)");
                    skipped.push(format!("`{kid}`: {why}"));
                }
            }
        }
        match (keys.is_empty(), skipped.is_empty()) {
            (false, _) => Ok(Self(keys)),
            (true, true) => Err(wrong("there is no key in it".into())),
            (true, false) => {
                Err(wrong(format!("no key in it can be used here: {}", skipped.join("; "))))
            }
        }
    }

    /// The key that a token names. One without `kid` is fine where there is only one key that it can mean.
    pub(super) fn find(&self, kid: Option<&str>) -> Option<&Key> {
        let kid = kid.unwrap_or_default();
        let only = self.0.values().next().filter(|_| kid.is_empty() && self.0.len() == 1);
        self.0.get(kid).or(only)
    }
}

fn key(value: &Value, algorithms: &[Algorithm]) -> Result<Key, String> {
    let jwk = Jwk::deserialize(value).map_err(|e| format!("unknown kind of key: {e}"))?;
    if jwk.common.public_key_use.as_ref().is_some_and(|is| *is != PublicKeyUse::Signature) {
        return Err("it is not for signatures".into());
    }
    let algorithm = jwk.common.key_algorithm.map(|name| {
        let name = name.to_string();
        name.parse().map_err(|_| format!("{name} is no algorithm of tokens"))
    });
    let key = DecodingKey::from_jwk(&jwk).map_err(|e| e.to_string())?;
    let key = Key { key, algorithm: algorithm.transpose()? };
    if !algorithms.iter().any(|algorithm| key.fits(*algorithm)) {
        return Err("no algorithm of gate.jwt.algorithms is for it".into());
    }
    Ok(key)
}
