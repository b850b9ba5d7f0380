//! Opens, renews and closes sessions.

use std::time::Duration;

use guildhall_core::leases::{LeaseError, LeaseErrorKind, Opened};
use guildhall_core::store::Holder;

use crate::key::Key;
use crate::keys::{Entry, Fault};
use crate::leases::{ATTEMPTS_MAX, KvLeases, Own, failed, no_session};
use crate::value::{self, SessionValue};

/// The shortest and longest TTL of a session.
const TTL_MIN: Duration = Duration::from_millis(100);
const TTL_MAX: Duration = Duration::from_secs(3600);

impl KvLeases {
    pub(crate) async fn open_session(
        &self,
        holder: &Holder,
        instead_of: Option<u64>,
        ttl: Duration,
    ) -> Result<Opened, LeaseError> {
        if !(TTL_MIN..=TTL_MAX).contains(&ttl) {
            let why = format!("a TTL of {ttl:?} is not {TTL_MIN:?} to {TTL_MAX:?}");
            return Err(LeaseError::new(LeaseErrorKind::Invalid, "open", why));
        }
        for _ in 0..ATTEMPTS_MAX {
            let (entry, living) = self.read_session("open", holder).await?;
            match living {
                // A late copy of a request names an earlier session, or none.
                Some(living) if Some(living.number) != instead_of => {
                    return Ok(Opened::Living(living.number));
                }
                _ => {}
            }
            // Random, and so no number is given twice, whatever happens to the store. 0 is none.
            let number = self.board.env().random().max(1);
            let value = SessionValue::new(number, ttl);
            let revision = entry.map_or(0, |entry| entry.revision);
            if self.write_session("open", holder, Some(value), revision).await? {
                return Ok(Opened::New(number));
            }
        }
        Err(failed("open", &Fault::Conflict))
    }

    pub(crate) async fn renew(&self, holder: &Holder, number: u64) -> Result<(), LeaseError> {
        let own = self.own.lock().get(holder).copied();
        let mut known = own.filter(|own| own.value.number == number);
        for _ in 0..ATTEMPTS_MAX {
            let present = match known.take() {
                Some(own) => own,
                None => match self.read_session("keep_alive", holder).await? {
                    (Some(Entry { revision, .. }), Some(value)) if value.number == number => {
                        Own { value, revision }
                    }
                    _ => {
                        self.own.lock().remove(holder);
                        return Err(no_session("keep_alive", holder));
                    }
                },
            };
            let beat = present.value.beat.wrapping_add(1);
            let value = SessionValue { beat, ..present.value };
            if self.write_session("keep_alive", holder, Some(value), present.revision).await? {
                return Ok(());
            }
        }
        Err(failed("keep_alive", &Fault::Conflict))
    }

    pub(crate) async fn close_session(
        &self,
        holder: &Holder,
        number: u64,
    ) -> Result<(), LeaseError> {
        for _ in 0..ATTEMPTS_MAX {
            let (Some(entry), Some(value)) = self.read_session("close", holder).await? else {
                return Ok(());
            };
            if value.number != number
                || self.write_session("close", holder, None, entry.revision).await?
            {
                return Ok(());
            }
        }
        Err(failed("close", &Fault::Conflict))
    }

    /// The key of a session, and the session if it lives.
    async fn read_session(
        &self,
        operation: &'static str,
        holder: &Holder,
    ) -> Result<(Option<Entry>, Option<SessionValue>), LeaseError> {
        let entry = self.keys.get(&Key::session(holder)).await;
        let entry = entry.map_err(|fault| failed(operation, &fault))?;
        // What is damaged is no session.
        let living = value::decode(entry.as_ref()).unwrap_or_default();
        Ok((entry, living))
    }

    /// Writes the key of a session, or that it has ended; `false` if another write was first.
    async fn write_session(
        &self,
        operation: &'static str,
        holder: &Holder,
        value: Option<SessionValue>,
        expected: u64,
    ) -> Result<bool, LeaseError> {
        let bytes = value.as_ref().map(value::encode);
        let written = self.keys.set(&Key::session(holder), bytes, expected).await;
        let revision = match written {
            Ok(revision) => revision,
            Err(Fault::Conflict) => return Ok(false),
            Err(fault) => return Err(failed(operation, &fault)),
        };
        let mut own = self.own.lock();
        match value {
            Some(value) => drop(own.insert(holder.clone(), Own { value, revision })),
            None => drop(own.remove(holder)),
        }
        Ok(true)
    }
}
