//! [`Rows`]: entities that no actor owns. A write names the version that was read, so no change is lost.

mod open_store;
mod tables;
mod query;
pub(crate) mod ids;

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use guildhall_core::env::Instant;
use guildhall_core::status::reason;
use guildhall_core::store::{
    Batch, Guard, Op, RowId, Store, StoreError, StoreErrorKind, Value, Write,
};
use guildhall_core::{Code, Effect, Key, NoKey, Status, outside};
use guildhall_entity::{ActorState, Entity, EntityMeta, LoadError, RowChange, Turned};

use crate::call::Cx;

pub(crate) use open_store::OpenStore;
pub use query::{RowsPage, RowsQuery};
pub(crate) use tables::Tables;

/// The longest pause before a change begins anew.
const PAUSE_MAX_MS: u64 = 64;

/// The rows of an entity's table, from [`Cx::table`].
///
/// A row is read with its version, and written only if it still has that version: of two concurrent changes, one fails with `Aborted`
/// and the reason `CONFLICT`, and has to read again. [`Rows::change`] does that by itself.
///
/// The rows of an actor's entity can be read here, as they were saved last. Only their actor can write them.
///
/// Each operation ends by the deadline of its `Cx`.
pub struct Rows<'a, E> {
    cx: &'a Cx,
    entity: PhantomData<fn() -> E>,
}

impl Cx {
    /// The rows of an entity: `cx.table::<SeatStateEntity>().get("a4")`. Add the table to the app with `App::table`.
    pub fn table<E: Entity>(&self) -> Rows<'_, E> {
        Rows { cx: self, entity: PhantomData }
    }

    /// By when an operation on the store has to end.
    pub(crate) fn limit(&self) -> Instant {
        let default = || self.core.env.now() + Duration::from_millis(self.core.calls.timeout_ms);
        self.deadline.unwrap_or_else(default)
    }
}

impl<E: Entity> Rows<'_, E> {
    /// Reads the row with this key; `None` if it does not exist.
    ///
    /// # Errors
    /// The store does not answer, or a column does not have the type that the proto declares.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn get(self, key: impl Into<Key>) -> Result<Option<E>, Status> {
        let entity = self.read(key.into()).await?;
        Ok(entity.exists().then_some(entity))
    }

    /// Writes a new row. Of several concurrent creations of one key, one succeeds.
    ///
    /// # Errors
    /// `AlreadyExists` with the reason `EXISTS`: the row exists, or another row has the same value in a unique column, which the
    /// message names. `Unavailable` or `DeadlineExceeded` with `MayHaveRun`: the result is unknown, read again.
    ///
    /// # Cancel safety
    /// After dropping the future, the row may be written or not.
    pub async fn create(self, entity: &mut E) -> Result<(), Status> {
        if entity.meta().is_stored() {
            let why = format!("{}: a row with this key exists", self.name(entity.meta().key()));
            return Err(Status::not_run(Code::AlreadyExists, reason::EXISTS, why));
        }
        entity.meta_mut().create();
        self.save(entity).await
    }

    /// Writes the changes of a row that was read, unless it was changed since. Without changes it does nothing.
    ///
    /// # Errors
    /// `Aborted` with the reason `CONFLICT`: the row was changed since, read again. `NotFound`: the row does not exist. Otherwise
    /// those of [`Rows::create`].
    ///
    /// # Cancel safety
    /// After dropping the future, the changes may be written or not; the version tells the next attempt with this entity.
    pub async fn update(self, entity: &mut E) -> Result<(), Status> {
        if entity.meta().is_stored() {
            return self.save(entity).await;
        }
        let why = format!("{} is in no store; create it", self.name(entity.meta().key()));
        Err(Status::not_run(Code::NotFound, reason::NO_SUCH_ENTITY, why))
    }

    /// Deletes a row that was read, unless it was changed since.
    ///
    /// # Errors
    /// Those of [`Rows::update`].
    ///
    /// # Cancel safety
    /// After dropping the future, the row may be deleted or not.
    pub async fn delete(self, mut entity: E) -> Result<(), Status> {
        entity.meta_mut().delete();
        self.update(&mut entity).await
    }

    /// Reads the row, applies `change`, and writes it. When another writer was faster, it starts again, up to `store.changes_max`
    /// times. For a missing row `change` gets the defaults, and the row is created with its first change.
    ///
    /// # Errors
    /// An error of `change`, after which nothing is written; otherwise those of [`Rows::update`].
    ///
    /// # Cancel safety
    /// After dropping the future, the changes may be written or not.
    pub async fn change<R>(
        self,
        key: impl Into<Key>,
        mut change: impl FnMut(&mut E) -> Result<R, Status>,
    ) -> Result<R, Status> {
        let key = key.into();
        let mut tries = 0;
        let mut taken = None;
        loop {
            let mut entity = self.read(key.clone()).await?;
            let stored = entity.meta().is_stored();
            // It is not this row that exists, so a unique value is taken; another attempt would not change that.
            if let Some(status) = taken.take().filter(|_| !stored) {
                return Err(status);
            }
            let answer = change(&mut entity)?;
            let Err(status) = self.save(&mut entity).await else {
                return Ok(answer);
            };
            let exists = status.reason() == reason::EXISTS && !stored;
            let faster = matches!(status.reason(), reason::CONFLICT | reason::NO_SUCH_ENTITY);
            if !(exists || faster) || tries >= self.cx.core.part::<Tables>().config.changes_max {
                return Err(status);
            }
            taken = exists.then_some(status);
            tries += 1;
            let env = &self.cx.core.env;
            let pause = PAUSE_MAX_MS.min(1 << tries.min(16));
            env.sleep(Duration::from_millis(env.random_below(pause))).await;
        }
    }

    async fn read(self, key: Key) -> Result<E, Status> {
        let (store, _) = self.store()?;
        key.check().map_err(|why| self.no_key(why))?;
        let id = RowId { table: E::TABLE, key: key.clone(), sub: None };
        let read = store.read(std::slice::from_ref(&id));
        let rows = self.within(id.key.as_str(), Effect::NotRun, read).await?;
        let row = rows.map_err(|error| status(&error))?.into_iter().next().flatten();
        let entity = match row {
            Some(row) => ActorState::load(&key, vec![row]),
            None => E::load(&key, Vec::new(), EntityMeta::new(key.clone(), 0, false)),
        };
        entity.map_err(|error| unreadable(&error))
    }

    async fn save(self, entity: &mut E) -> Result<(), Status> {
        let (store, writable) = self.store()?;
        let key = entity.meta().key().clone();
        if !writable {
            let why = format!("actors own {}: call its actor", self.name(&key));
            return Err(Status::not_run(Code::FailedPrecondition, reason::NOT_THE_OWNER, why));
        }
        let fits = match entity.key().1 {
            Value::Int(0) | Value::Uint(0) => Err(NoKey::Empty),
            _ => key.check(),
        };
        fits.map_err(|why| self.no_key(why))?;
        self.fits(entity)?;
        // A write that was dropped on its way may be there or not: if it is, the version refuses this one.
        entity.not_saved();
        let Some(RowChange { row, version, write }) = entity.begin_save().pop() else {
            return Ok(());
        };
        let guard = match write {
            Write::Create(_) => Guard::Absent,
            Write::Update(_) | Write::Delete | Write::Forget => Guard::Version(version),
        };
        let batch = Batch { ops: vec![Op { row, guard, write, records: None, keep_ms: 0 }] };
        let commit = store.commit(vec![batch]);
        let done = self.within(key.as_str(), Effect::MayHaveRun, commit).await;
        let done = done.and_then(|mut results| match results.pop() {
            Some(result) => result.map_err(|error| status(&error)),
            None => Err(no_answer()),
        });
        match done {
            Ok(committed) => {
                entity.saved(&committed.versions);
                Ok(())
            }
            Err(status) => {
                entity.not_saved();
                Err(status)
            }
        }
    }

    /// Whether the row can be written, and read again.
    fn fits(self, entity: &mut E) -> Result<(), Status> {
        if !entity.meta().exists() {
            return Ok(());
        }
        let Turned { size, too_deep, .. } = Turned::of(entity);
        let name = self.name(entity.meta().key());
        if let Some((_, column)) = too_deep {
            let why = format!(
                "{name}: column {column} has messages that are nested too deep to be read again"
            );
            return Err(Status::not_run(Code::InvalidArgument, reason::TOO_LARGE, why));
        }
        let max = self.cx.core.part::<Tables>().config.row_max;
        if size > max {
            let why = format!("{name} would have {size} bytes (store.row_max = {max})");
            return Err(Status::not_run(Code::ResourceExhausted, reason::TOO_LARGE, why));
        }
        Ok(())
    }

    /// The store, and whether rows of this table may be written.
    fn store(self) -> Result<(Arc<dyn Store>, bool), Status> {
        let core = &self.cx.core;
        let Some(writable) = core.part::<Tables>().writable(E::TABLE) else {
            let why = format!(
                "the app has no table `{}`: add it with App::table (App::ids, for ids)",
                E::TABLE.name
            );
            return Err(Status::not_run(Code::FailedPrecondition, reason::STORE, why));
        };
        let store = core.part::<OpenStore>().get().ok_or_else(|| {
            Status::not_run(Code::Unavailable, reason::GOING_AWAY, "the app has ended")
        })?;
        Ok((store, writable))
    }

    async fn within<T>(
        self,
        what: &str,
        effect: Effect,
        operation: impl Future<Output = T>,
    ) -> Result<T, Status> {
        let done = self.cx.core.env.until(self.cx.limit(), operation).await;
        done.ok_or_else(|| {
            let why =
                format!("{}/{}: the store has not answered in time", E::TABLE.name, outside(what));
            Status::not_run(Code::DeadlineExceeded, reason::EXPIRED, why).with_effect(effect)
        })
    }

    fn name(self, key: &Key) -> String {
        format!("{}/{}", E::TABLE.name, outside(key.as_str()))
    }

    fn no_key(self, why: NoKey) -> Status {
        let why = format!("table `{}`: {why}", E::TABLE.name);
        Status::not_run(Code::InvalidArgument, reason::BAD_KEY, why)
    }
}

/// What a failed operation means to its caller. Files and hosts are for the log, not for callers.
pub(crate) fn status(error: &StoreError) -> Status {
    let (code, why) = match error.kind {
        StoreErrorKind::Refused { row_epoch: 0 } => (Code::Aborted, reason::CONFLICT),
        StoreErrorKind::Refused { .. } => (Code::FailedPrecondition, reason::NOT_THE_OWNER),
        StoreErrorKind::Exists => (Code::AlreadyExists, reason::EXISTS),
        StoreErrorKind::Missing => (Code::NotFound, reason::NO_SUCH_ENTITY),
        StoreErrorKind::Invalid => (Code::Internal, reason::STORE),
        StoreErrorKind::Unavailable => {
            tracing::warn!(%error, "the store did not do it");
            let why = "the store does not answer";
            return Status::not_run(Code::Unavailable, reason::STORE, why);
        }
        StoreErrorKind::Unknown => {
            tracing::warn!(%error, "the store may have done it or not");
            return no_answer();
        }
    };
    Status::not_run(code, why, format!("{}: {}", error.subject, error.message))
}

fn no_answer() -> Status {
    let why = "the store has not answered; the change may be written or not: read again";
    Status::not_run(Code::Unavailable, reason::STORE, why).with_effect(Effect::MayHaveRun)
}

fn unreadable(error: &LoadError) -> Status {
    tracing::error!(%error, "row load failed");
    let why = format!("{}/{} does not fit its entity", error.table, outside(error.key.as_str()));
    Status::not_run(Code::DataLoss, reason::STORE, why)
}

impl<E> Clone for Rows<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Rows<'_, E> {}

impl<E> std::fmt::Debug for Rows<'_, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("cx", self.cx).finish()
    }
}
