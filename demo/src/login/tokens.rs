//! Tokens, which a gate verifies locally.

use std::time::Duration;

use guildhall::{Code, Status};
use jsonwebtoken::{Algorithm, Header, encode};
use serde::Serialize;

use super::config::LoginConfig;
use super::keys::Keys;

/// Makes tokens.
pub(super) struct Tokens {
    keys: Keys,
    issuer: String,
    audience: String,
    lifetime: Duration,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    /// The account.
    sub: &'a str,
    player: &'a str,
    iat: u64,
    exp: u64,
}

impl Tokens {
    pub(super) fn new(keys: Keys, config: &LoginConfig) -> Self {
        Self {
            keys,
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
            lifetime: Duration::from_secs(config.token_s),
        }
    }

    /// What gates check them with.
    pub(super) fn public(&self) -> &str {
        &self.keys.public
    }

    /// A token of `account`, which plays `player`; `wall` is now.
    pub(super) fn make(
        &self,
        account: &str,
        player: &str,
        wall: Duration,
    ) -> Result<String, Status> {
        let claims = Claims {
            iss: &self.issuer,
            aud: &self.audience,
            sub: account,
            player,
            iat: wall.as_secs(),
            exp: (wall + self.lifetime).as_secs(),
        };
        let header = Header { kid: Some(self.keys.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        encode(&header, &claims, &self.keys.signing)
            .map_err(|e| Status::new(Code::Internal, format!("signing a token: {e}")))
    }
}
