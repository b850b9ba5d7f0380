//! JSON Web Tokens, checked with the public keys of a JWKS file and without asking anybody.

use std::collections::BTreeMap;
use std::time::Duration;

use guildhall_core::status::reason;
use guildhall_core::{Code, Status};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};

use super::{Authenticate, Identity};
use crate::config::JwtConfig;

/// The default [`Authenticate`]: `sub` is the account, the claim `player` the player.
pub(crate) struct Jwt {
    /// By `kid`; the empty one is a key without.
    keys: BTreeMap<String, DecodingKey>,
    validation: Validation,
    leeway: Duration,
}

impl Jwt {
    /// Reads the keys.
    ///
    /// # Errors
    /// What is wrong with `[gate.jwt]`, and what to set.
    pub(crate) fn load(config: &JwtConfig) -> Result<Self, String> {
        if config.keys.is_empty() {
            return Err("a gate needs keys to check tokens with: set gate.jwt.keys to the path of a JWKS file, \
                 or give the gate another way with Gate::authenticate"
                .into());
        }
        let wrong = |why: String| format!("gate.jwt.keys = \"{}\": {why}", config.keys);
        let text = guildhall_core::read_text(&config.keys).map_err(|e| wrong(e.to_string()))?;
        let set: JwkSet =
            serde_json::from_str(&text).map_err(|e| wrong(format!("no JWKS file: {e}")))?;
        let mut keys = BTreeMap::new();
        for jwk in &set.keys {
            let kid = jwk.common.key_id.clone().unwrap_or_default();
            let key = DecodingKey::from_jwk(jwk).map_err(|e| wrong(format!("key `{kid}`: {e}")))?;
            if keys.insert(kid.clone(), key).is_some() {
                return Err(wrong(format!("two keys have the kid `{kid}`")));
            }
        }
        if keys.is_empty() {
            return Err(wrong("there is no key in it".into()));
        }
        Ok(Self {
            keys,
            validation: validation(config)?,
            leeway: Duration::from_secs(config.leeway_s),
        })
    }

    fn check(&self, token: &str, wall: Duration) -> Result<Identity, String> {
        let header = decode_header(token).map_err(|e| e.to_string())?;
        let kid = header.kid.unwrap_or_default();
        // A token without kid is fine where there is only one key it can mean.
        let only = self.keys.values().next().filter(|_| kid.is_empty() && self.keys.len() == 1);
        let key = self.keys.get(&kid).or(only).ok_or("its key is not known here")?;
        let token = decode::<Map<String, Value>>(token, key, &self.validation);
        let mut claims = token.map_err(|e| e.to_string())?.claims;
        self.check_time(&claims, wall)?;
        let account = text(claims.remove("sub")).ok_or("its sub is no text")?;
        let player = match claims.remove("player") {
            None => None,
            player => Some(text(player).ok_or("its player is no text or integer")?),
        };
        Ok(Identity { account, player, claims })
    }

    /// By the clock of the `Env`, which the library does not know.
    fn check_time(&self, claims: &Map<String, Value>, wall: Duration) -> Result<(), String> {
        let time = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(value) => value.as_f64().map(Some).ok_or(format!("its {name} is no number")),
        };
        let (now, leeway) = (wall.as_secs_f64(), self.leeway.as_secs_f64());
        let expires = time("exp")?.ok_or("it has no exp")?;
        if now > expires + leeway {
            return Err("it has expired".into());
        }
        if time("nbf")?.is_some_and(|begins| now + leeway < begins) {
            return Err("it is not valid yet".into());
        }
        Ok(())
    }
}

impl Authenticate for Jwt {
    fn authenticate(&self, token: &str, wall: Duration) -> Result<Identity, Status> {
        self.check(token, wall).map_err(|why| {
            let why = format!("the token is refused: {why}");
            Status::not_run(Code::Unauthenticated, reason::UNAUTHENTICATED, why)
        })
    }
}

fn validation(config: &JwtConfig) -> Result<Validation, String> {
    let algorithm = |name: &String| {
        name.parse::<Algorithm>().map_err(|_| {
            format!(
                "gate.jwt.algorithms: there is no `{name}`; common ones are EdDSA, ES256, RS256"
            )
        })
    };
    let algorithms: Vec<Algorithm> =
        config.algorithms.iter().map(algorithm).collect::<Result<_, _>>()?;
    let first = algorithms.first().ok_or("gate.jwt.algorithms is empty; set [\"EdDSA\"]")?;
    let mut validation = Validation::new(*first);
    let mut required = vec!["exp", "sub"];
    if config.issuer.is_empty() {
        validation.iss = None;
    } else {
        validation.set_issuer(&[&config.issuer]);
        required.push("iss");
    }
    if config.audience.is_empty() {
        validation.validate_aud = false;
    } else {
        validation.set_audience(&[&config.audience]);
        required.push("aud");
    }
    validation.set_required_spec_claims(&required);
    validation.algorithms = algorithms;
    validation.validate_exp = false;
    validation.validate_nbf = false;
    Ok(validation)
}

fn text(value: Option<Value>) -> Option<String> {
    match value {
        Some(Value::String(text)) => Some(text),
        Some(Value::Number(number)) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
