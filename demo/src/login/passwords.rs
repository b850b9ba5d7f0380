//! Passwords: hashed away from the workers, so many at a time, and refused at once when too many wait.

use std::sync::Arc;

use argon2::password_hash::{Error, PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use guildhall::status::reason;
use guildhall::{Code, Env, StartError, Status};
use tokio::sync::Semaphore;

use super::config::LoginConfig;

/// Hashes and checks passwords.
pub(super) struct Passwords {
    env: Env,
    argon2: Argon2<'static>,
    /// Hashes that run.
    running: Arc<Semaphore>,
    /// Hashes that run or wait.
    places: Arc<Semaphore>,
    /// Of no password that anybody knows: checked for accounts that do not exist, so that they take as long as others.
    nobody: String,
}

impl Passwords {
    pub(super) async fn new(env: &Env, config: &LoginConfig) -> Result<Self, StartError> {
        let params = Params::new(config.hash_kib, config.hash_passes, 1, None);
        let params = params.map_err(|e| {
            StartError::new(format!("login.hash_kib and login.hash_passes do not fit: {e}"))
        })?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let hashes = if config.hashes == 0 { cores } else { config.hashes };
        let places = hashes.saturating_add(config.queue_max).min(Semaphore::MAX_PERMITS);
        let mut passwords = Self {
            env: env.clone(),
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            running: Arc::new(Semaphore::new(hashes)),
            places: Arc::new(Semaphore::new(places)),
            nobody: String::new(),
        };
        let secret = passwords.env.random_bytes::<16>();
        let nobody = passwords.hash(format!("{:032x}", u128::from_ne_bytes(secret))).await;
        passwords.nobody = nobody.map_err(|status| StartError::new(status.message()))?;
        Ok(passwords)
    }

    /// The hash to keep, in PHC form.
    pub(super) async fn hash(&self, password: String) -> Result<String, Status> {
        let (argon2, salt) = (self.argon2.clone(), self.env.random_bytes::<16>());
        let hash = move || argon2.hash_password_with_salt(password.as_bytes(), &salt);
        let hash = self.run(hash).await?;
        hash.map(|hash| hash.to_string()).map_err(|error| broken(&error))
    }

    /// Whether it is the password of `hash`; nobody's when there is none, in the same time.
    pub(super) async fn check(
        &self,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, Status> {
        let (argon2, exists) = (self.argon2.clone(), hash.is_some());
        let hash = hash.unwrap_or_else(|| self.nobody.clone());
        let check = move || argon2.verify_password(password.as_bytes(), hash.as_str());
        match self.run(check).await? {
            Ok(()) => Ok(exists),
            Err(Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(broken(&error)),
        }
    }

    /// What has begun keeps its place to its end, also when nobody waits for it any more.
    async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, Status> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            let why = "too many passwords wait to be checked; try again in a moment";
            Status::not_run(Code::ResourceExhausted, reason::OVERLOADED, why)
        })?;
        let turn = Arc::clone(&self.running).acquire_owned().await;
        let done = self.env.blocking(move || {
            let _until_done = (place, turn);
            work()
        });
        done.await.ok_or_else(|| Status::new(Code::Internal, "hashing a password panicked"))
    }
}

fn broken(error: &Error) -> Status {
    Status::new(Code::Internal, format!("hashing a password: {error}"))
}
