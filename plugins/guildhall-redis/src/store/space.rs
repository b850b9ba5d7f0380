//! [`Space`]: requests of the store to one server, with the columns that were read before.

use std::sync::Arc;

use guildhall_core::store::{StoreError, StoreErrorKind};
use parking_lot::Mutex;
use redis::Script;

use super::columns::Seen;
use crate::client::{Again, Client};
use crate::fault::{Fault, damaged};
use crate::reply::{Items, Wrong};
use crate::script::{Args, script};

/// How often the columns are read anew for one request.
const OUTDATED_MAX: usize = 16;

pub(crate) struct Space {
    pub(crate) client: Arc<Client>,
    seen: Mutex<Option<Arc<Seen>>>,
    pub(crate) scripts: Scripts,
}

pub(crate) struct Scripts {
    pub(crate) claim: Script,
    pub(crate) commit: Script,
    pub(crate) read: Script,
    pub(crate) query: Script,
    pub(crate) tombstones: Script,
    pub(crate) probe: Script,
    pub(crate) migrate: Script,
    pub(crate) chunk: Script,
    pub(crate) build: Script,
    pub(crate) scan: Script,
    pub(crate) put: Script,
    pub(crate) remains: Script,
    pub(crate) raise: Script,
    schema: Script,
}

impl Scripts {
    fn new() -> Self {
        Self {
            claim: script!("shared", "rows", "claim"),
            commit: script!("shared", "rows", "commit"),
            read: script!("shared", "rows", "read"),
            query: script!("shared", "rows", "query"),
            tombstones: script!("shared", "rows", "tombstones"),
            chunk: script!("shared", "rows", "chunk"),
            build: script!("shared", "rows", "build"),
            scan: script!("shared", "rows", "scan"),
            put: script!("shared", "rows", "put"),
            remains: script!("shared", "remains"),
            raise: script!("shared", "raise"),
            probe: script!("shared", "probe"),
            migrate: script!("shared", "migrate"),
            schema: script!("shared", "schema"),
        }
    }
}

/// How a script of rows is asked.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) operation: &'static str,
    pub(crate) subject: &'a str,
    pub(crate) again: Again,
    /// Whether it writes what replicas must have.
    pub(crate) writes: bool,
}

impl Space {
    pub(crate) fn new(client: Arc<Client>) -> Self {
        Self { client, seen: Mutex::default(), scripts: Scripts::new() }
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.client.settings.prefix
    }

    /// The columns as they were read last.
    pub(crate) async fn seen(&self, ask: Ask<'_>) -> Result<Arc<Seen>, StoreError> {
        let seen = self.seen.lock().clone();
        if let Some(seen) = seen {
            return Ok(seen);
        }
        let mut args = Args::default();
        args.text(self.prefix());
        let answer = self.client.call(&self.scripts.schema, &args, Again::Yes, false).await;
        let answer = answer.map_err(|fault| fault.in_store(ask.operation, ask.subject))?;
        let seen = Items::of(answer).and_then(Seen::read);
        let seen = Arc::new(seen.map_err(|why| ask.damaged(&why))?);
        *self.seen.lock() = Some(Arc::clone(&seen));
        Ok(seen)
    }

    pub(crate) fn forget_seen(&self) {
        self.seen.lock().take();
    }

    /// Runs a script of rows: its arguments begin with prefix and stamp, and it is asked again with other columns when they have changed. Returns
    /// what it answers after `done`.
    pub(crate) async fn ask(
        &self,
        script: &Script,
        ask: Ask<'_>,
        mut args: impl FnMut(&Seen, &mut Args) -> Result<(), StoreError>,
    ) -> Result<(Arc<Seen>, String, Items), StoreError> {
        for _ in 0..OUTDATED_MAX {
            let seen = self.seen(ask).await?;
            let mut all = Args::default();
            all.text(self.prefix()).text(&seen.stamp);
            args(&seen, &mut all)?;
            let answer = self.client.call(script, &all, ask.again, ask.writes).await;
            let answer = answer.map_err(|fault| match fault {
                Fault::Unknown(why) if ask.again == Again::Yes => {
                    Fault::Refused(why).in_store(ask.operation, ask.subject)
                }
                fault => fault.in_store(ask.operation, ask.subject),
            })?;
            let mut items = Items::of(answer).map_err(|why| ask.damaged(&why))?;
            let came_to = items.text().map_err(|why| ask.damaged(&why))?;
            if came_to != "outdated" {
                return Ok((seen, came_to, items));
            }
            self.forget_seen();
        }
        let why = "tables are being prepared all the time; try again later";
        Err(StoreError::new(StoreErrorKind::Unavailable, ask.operation, ask.subject, why))
    }
}

impl Ask<'_> {
    /// An answer that is not what it must be.
    pub(crate) fn damaged(&self, why: &Wrong) -> StoreError {
        StoreError::new(StoreErrorKind::Invalid, self.operation, self.subject, damaged(why))
    }
}
