//! Tokens without passwords, for programs that make their players themselves.

use std::time::Duration;

use guildhall::{Env, Status};

use super::config::LoginConfig;
use super::keys::Keys;
use super::tokens::Tokens;

/// Makes tokens as the login server does.
pub struct Mint(Tokens);

impl Mint {
    /// Signs with the keys in `config.keys`, which are made if there are none. A gate believes the tokens whose `gate.jwt.keys` is
    /// the file `jwks.json` there.
    ///
    /// # Errors
    /// What is wrong with which file.
    pub fn open(env: &Env, config: &LoginConfig) -> Result<Self, String> {
        Ok(Self(Tokens::new(Keys::open(env, &config.keys)?, config)))
    }

    /// A token of `account`, which plays `player`; `wall` is now.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn token(&self, account: &str, player: &str, wall: Duration) -> Result<String, Status> {
        self.0.make(account, player, wall)
    }
}

impl std::fmt::Debug for Mint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mint")
    }
}
