//! Passwords: hashed away from the workers, in slots that keep their memory, and refused at once when too many wait.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::Error;
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Params, Version};
use guildhall::status::reason;
use guildhall::{Code, Env, StartError, Status};

use super::config::LoginConfig;
use super::slots::{Party, Slot, Slots};

/// Hashes and checks passwords.
pub(super) struct Passwords {
    env: Env,
    params: Params,
    slots: Arc<Slots>,
    /// Of no password that anybody knows: checked for accounts that do not exist, so that they take as long as others.
    nobody: String,
}

impl Passwords {
    pub(super) async fn new(env: &Env, config: &LoginConfig) -> Result<Self, StartError> {
        let params = Params::new(config.hash_kib, config.hash_passes, 1, None);
        let params = params.map_err(|e| {
            StartError::setting(
                "login.hash_kib",
                format!("login.hash_kib and login.hash_passes do not fit: {e}"),
            )
        })?;
        let slots = Slots::new(config.hashes(), config.queue_max);
        rest(env, &slots);
        let mut passwords = Self { env: env.clone(), params, slots, nobody: String::new() };
        let secret = passwords.env.random_bytes::<16>();
        let slot = passwords.slot(Party::Known(String::new())).await;
        let slot = slot.map_err(|status| StartError::game(status.message()).with_source(status))?;
        let nobody = passwords.hash(format!("{:032x}", u128::from_ne_bytes(secret)), slot).await;
        passwords.nobody =
            nobody.map_err(|status| StartError::game(status.message()).with_source(status))?;
        Ok(passwords)
    }

    /// Waits for the turn of `party`, or fails at once when too many wait.
    pub(super) async fn slot(&self, party: Party) -> Result<Slot, Status> {
        Slots::take(&self.slots, party).await.map_err(|_| {
            let why = "too many passwords wait to be checked; try again in a moment";
            Status::not_run(Code::ResourceExhausted, reason::OVERLOADED, why)
        })
    }

    /// The hash to keep, in PHC form.
    pub(super) async fn hash(&self, password: String, slot: Slot) -> Result<String, Status> {
        let salt = self.env.random_bytes::<16>();
        let hashed = self.run(slot, self.params.clone(), move |argon2, blocks| {
            let salt = Salt::new(&salt)?;
            let hash = Some(output(&argon2, &password, &salt, Params::DEFAULT_OUTPUT_LEN, blocks)?);
            let params = ParamsString::try_from(argon2.params())?;
            let (algorithm, version) = (Algorithm::Argon2id.ident(), Some(Version::V0x13.into()));
            Ok(PasswordHash { algorithm, version, params, salt: Some(salt), hash }.to_string())
        });
        hashed.await?.map_err(broken)
    }

    /// Whether it is the password of `hash`; nobody's when there is none, in the same time.
    pub(super) async fn check(
        &self,
        password: String,
        hash: Option<String>,
        slot: Slot,
    ) -> Result<bool, Status> {
        let exists = hash.is_some();
        let hash = hash.as_ref().unwrap_or(&self.nobody);
        let PasswordHash { algorithm, version, params, salt, hash } =
            PasswordHash::new(hash).map_err(|e| broken(e.into()))?;
        let is_ours =
            algorithm == Algorithm::Argon2id.ident() && version == Some(Version::V0x13.into());
        let (true, Some(salt), Some(hash)) = (is_ours, salt, hash) else {
            return Err(broken(Error::Algorithm));
        };
        let params = Params::try_from(&params).map_err(broken)?;
        let checked = self.run(slot, params, move |argon2, blocks| {
            // In constant time.
            Ok(output(&argon2, &password, &salt, hash.len(), blocks)? == hash)
        });
        Ok(checked.await?.map_err(broken)? && exists)
    }

    /// What has begun keeps its slot to its end, also when nobody waits for it any more.
    async fn run<R: Send + 'static>(
        &self,
        mut slot: Slot,
        params: Params,
        work: impl FnOnce(Argon2<'static>, &mut [argon2::Block]) -> Result<R, Error> + Send + 'static,
    ) -> Result<Result<R, Error>, Status> {
        let size = self.params.block_count();
        let done = self.env.blocking(move || {
            let count = params.block_count();
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            let done = work(argon2, slot.blocks(count));
            slot.shrink(size);
            done
        });
        done.await.ok_or_else(|| Status::new(Code::Internal, "hashing a password panicked"))
    }
}

/// How long after a login the memory that passwords are hashed in is kept for the next one.
const REST: Duration = Duration::from_secs(5);

/// Looks now and then whether anybody logs in, for as long as there are slots.
fn rest(env: &Env, slots: &Arc<Slots>) {
    let (slots, of) = (Arc::downgrade(slots), env.clone());
    env.spawn("login-rest", async move {
        loop {
            of.sleep(REST).await;
            match slots.upgrade() {
                Some(slots) => slots.rest(),
                None => return,
            }
        }
    });
}

fn output(
    argon2: &Argon2<'_>,
    password: &str,
    salt: &Salt,
    len: usize,
    blocks: &mut [argon2::Block],
) -> Result<Output, Error> {
    let mut buffer = [0; Output::MAX_LENGTH];
    let out = buffer.get_mut(..len).ok_or(Error::OutputSize)?;
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, out, blocks)?;
    Ok(Output::new(out)?)
}

fn broken(error: Error) -> Status {
    Status::new(Code::Internal, format!("hashing a password: {error}"))
}
