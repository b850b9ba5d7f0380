//! What the keys of leases hold.

use std::time::Duration;

use bytes::Bytes;
use guildhall_core::Incarnation;
use guildhall_core::leases::Origin;
use guildhall_core::store::Holder;
use prost::Message;

use crate::keys::Entry;

/// The session of a holder. Its key is removed when it ends, and a later one has another number.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct SessionValue {
    #[prost(uint64, tag = "1")]
    pub(crate) number: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) ttl_ms: u64,
    /// Counts renewals.
    #[prost(uint64, tag = "3")]
    pub(crate) beat: u64,
}

/// An id: the grant that it has, or the last one that it had. Its key is never removed, so that no epoch is granted twice.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct LeaseValue {
    #[prost(uint64, tag = "1")]
    pub(crate) epoch: u64,
    /// Absent when the id is free.
    #[prost(message, optional, tag = "2")]
    by: Option<By>,
    #[prost(message, optional, tag = "3")]
    from: Option<From>,
}

#[derive(Clone, PartialEq, Message)]
struct By {
    #[prost(string, tag = "1")]
    app: String,
    #[prost(uint64, tag = "2")]
    incarnation: u64,
    /// Number of the session that it was granted to; the grant ends with that.
    #[prost(uint64, tag = "3")]
    session: u64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct From {
    #[prost(uint64, tag = "1")]
    epoch: u64,
    #[prost(uint64, tag = "2")]
    offer: u64,
}

/// A recorded number.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct NumberValue {
    #[prost(uint64, tag = "1")]
    pub(crate) number: u64,
}

/// An id as a key has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lease {
    pub(crate) epoch: u64,
    /// The holder and its session; whether that is alive is said by its key.
    pub(crate) by: Option<(Holder, u64)>,
    pub(crate) from: Option<Origin>,
}

impl SessionValue {
    pub(crate) fn new(number: u64, ttl: Duration) -> Self {
        Self { number, ttl_ms: u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX), beat: 0 }
    }

    pub(crate) fn ttl(self) -> Duration {
        Duration::from_millis(self.ttl_ms)
    }
}

impl Lease {
    pub(crate) fn encode(&self) -> Bytes {
        let by = self.by.as_ref().map(|(holder, session)| By {
            app: holder.app.to_string(),
            incarnation: holder.incarnation.0,
            session: *session,
        });
        let from = self.from.map(|from| From { epoch: from.epoch, offer: from.offer });
        LeaseValue { epoch: self.epoch, by, from }.encode_to_vec().into()
    }

    pub(crate) fn decode(bytes: Bytes) -> Result<Self, String> {
        let value = LeaseValue::decode(bytes).map_err(|error| error.to_string())?;
        let by = value.by.map(|by| {
            let app =
                by.app.parse().map_err(|error: guildhall_core::ParseIdError| error.to_string())?;
            Ok::<_, String>((Holder { app, incarnation: Incarnation(by.incarnation) }, by.session))
        });
        let from = value.from.map(|from| Origin { epoch: from.epoch, offer: from.offer });
        Ok(Self { epoch: value.epoch, by: by.transpose()?, from })
    }
}

pub(crate) fn encode(value: &impl Message) -> Bytes {
    value.encode_to_vec().into()
}

/// The value of a key, `None` where it is gone.
///
/// # Errors
/// It is not such a value.
pub(crate) fn decode<M: Message + Default>(entry: Option<&Entry>) -> Result<Option<M>, String> {
    let Some(bytes) = entry.and_then(|entry| entry.value.clone()) else { return Ok(None) };
    let value = M::decode(bytes).map_err(|error| error.to_string());
    value.map(Some)
}

#[cfg(test)]
mod tests;
