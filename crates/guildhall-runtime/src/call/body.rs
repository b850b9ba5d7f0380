//! The request of a received call: borrowed from the read buffer until its service has to keep it.

use std::borrow::Cow;

use guildhall_core::rpc::find_key;
use guildhall_core::{KeyField, KeyText};
use prost::{DecodeError, Message};

use super::key::KeySlot;
use super::request::Request;

/// The request of a call that has arrived.
#[derive(Debug)]
pub(crate) enum Body<'a> {
    /// Encoded, among bytes that were read.
    Read(guildhall_link::Body<'a>),
    /// In the slot of a call from this app itself, with its key, and with the slot of the actor where that is known.
    Own(Request, KeyText<'a>, Option<KeySlot>),
}

impl<'a> Body<'a> {
    /// The key of the request.
    ///
    /// # Errors
    /// The bytes are no such message.
    pub(crate) fn key(&self, field: KeyField) -> Result<KeyText<'a>, Cow<'static, str>> {
        match self {
            Self::Read(body) => find_key(body.bytes, field),
            Self::Own(_, key, _) => Ok(*key),
        }
    }

    /// The slot of the actor, where it is known.
    pub(crate) fn slot(&self) -> Option<KeySlot> {
        match self {
            Self::Read(_) => None,
            Self::Own(_, _, slot) => *slot,
        }
    }

    /// The request on its own.
    pub(crate) fn keep(self) -> Request {
        match self {
            Self::Read(body) => body.into_bytes().into(),
            Self::Own(request, ..) => request,
        }
    }

    /// The request as a message.
    ///
    /// # Errors
    /// The bytes are no such message.
    pub(crate) fn take<Req: Message + Default + 'static>(self) -> Result<Req, DecodeError> {
        match self {
            Self::Read(body) => Req::decode(body.bytes),
            Self::Own(mut request, ..) => request.take(),
        }
    }
}
