//! JSON Web Tokens, verified locally with the public keys of a JWKS file.

mod keys;

use std::time::Duration;

use guildhall_core::status::reason;
use guildhall_core::{Code, Status, outside};
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde_json::{Map, Value};

use super::{Authenticate, Identity};
use crate::config::JwtConfig;
use keys::Keys;

/// The claim that is the account.
const ACCOUNT: &str = "sub";

/// The default [`Authenticate`]: `sub` is the account, the claim `gate.jwt.player` the player.
pub(crate) struct Jwt {
    keys: Keys,
    /// One for each algorithm that is accepted.
    validations: Vec<(Algorithm, Validation)>,
    player: String,
    leeway: Duration,
}

impl Jwt {
    /// Reads the keys.
    ///
    /// # Errors
    /// What is wrong with `[gate.jwt]`, and what to set.
    pub(crate) fn load(config: &JwtConfig) -> Result<Self, String> {
        let algorithms = algorithms(config)?;
        if config.player.is_empty() {
            return Err(
                "gate.jwt.player is empty; set the claim that holds the player, or \"sub\" \
                 where the account is the player"
                    .into(),
            );
        }
        let keys = Keys::load(&config.keys, &algorithms)?;
        let validation = |algorithm| (algorithm, validation(config, algorithm));
        Ok(Self {
            keys,
            validations: algorithms.into_iter().map(validation).collect(),
            player: config.player.clone(),
            leeway: Duration::from_secs(config.leeway_s),
        })
    }

    fn check(&self, token: &str, wall: Duration) -> Result<Identity, String> {
        let header = decode_header(token).map_err(|e| outside(&e.to_string()).to_string())?;
        if header.crit.is_some() {
            return Err("its header has `crit`, and no extension is supported".into());
        }
        let key = self.keys.find(header.kid.as_deref()).ok_or("its key is not in gate.jwt.keys")?;
        let of = |(algorithm, _): &&(Algorithm, Validation)| *algorithm == header.alg;
        let (algorithm, validation) = self
            .validations
            .iter()
            .find(of)
            .ok_or("its algorithm is not in gate.jwt.algorithms")?;
        if !key.fits(*algorithm) {
            return Err("its algorithm is not one of its key".into());
        }
        let token = decode::<Map<String, Value>>(token, &key.key, validation);
        let mut claims = token.map_err(|e| outside(&e.to_string()).to_string())?.claims;
        self.check_time(&claims, wall)?;
        let account = text(claims.remove(ACCOUNT)).ok_or("its sub is no text")?;
        // Accounts and players may be counted apart: the one must not become the other because a claim is missing.
        let player = match self.player.as_str() {
            ACCOUNT => None,
            name => {
                let player = text(claims.remove(name));
                let why = "it has no player: the claim named by gate.jwt.player is neither text nor integer";
                Some(player.ok_or(why)?)
            }
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

fn algorithms(config: &JwtConfig) -> Result<Vec<Algorithm>, String> {
    let algorithm = |name: &String| {
        name.parse::<Algorithm>().map_err(|_| {
            format!(
                "gate.jwt.algorithms: there is no `{name}`; common ones are EdDSA, ES256, RS256"
            )
        })
    };
    if config.algorithms.is_empty() {
        return Err("gate.jwt.algorithms is empty; set [\"EdDSA\"]".into());
    }
    config.algorithms.iter().map(algorithm).collect()
}

/// What a token of this algorithm must say: the library takes algorithms of one family at a time.
fn validation(config: &JwtConfig, algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    let mut required = vec!["exp", ACCOUNT];
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
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation
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
