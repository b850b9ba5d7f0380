//! The outcome of a call, and its form in a row.

use bytes::{Bytes, BytesMut};
use guildhall_core::status::reason;
use guildhall_core::{Code, Status};
use guildhall_link::{status_body, status_from_frame};
use guildhall_wire::frame::error_aux;
use prost::{Message, encoding};

/// The encoded reply of a call, or its error.
pub(crate) type Answer = Result<Bytes, Status>;

/// Bytes of a record in its row beside the reply, rounded up.
pub(crate) const RECORD_BYTES: usize = 64;

/// One of a message's repeated fields, encoded.
pub(crate) fn put_field(number: u32, message: &impl Message) -> Bytes {
    let mut out = BytesMut::with_capacity(message.encoded_len() + 8);
    encoding::message::encode(number, message, &mut out);
    out.freeze()
}

/// Bytes of an answer, estimated.
pub(crate) fn answer_size(answer: &Answer) -> usize {
    match answer {
        Ok(body) => body.len(),
        Err(status) => {
            let details =
                status.details().iter().map(|detail| detail.kind.len() + detail.value.len());
            status.message().len() + details.sum::<usize>()
        }
    }
}

/// The fields `error` and `body` of a record, for [`answer_of`].
pub(crate) fn error_of(answer: &Answer) -> (u32, Bytes) {
    match answer {
        Ok(body) => (0, body.clone()),
        Err(status) => (
            error_aux(status.code() as u8, status.effect() as u8).into(),
            status_body(status).encode_to_vec().into(),
        ),
    }
}

pub(crate) fn answer_of(error: u32, body: Bytes) -> Answer {
    match u16::try_from(error) {
        Ok(0) => Ok(body),
        Ok(aux) => Err(status_from_frame(aux, &body)),
        Err(_) => {
            let why = "the command has failed, in a way that a later release has written";
            Err(Status::new(Code::Internal, why).with_reason(reason::BAD_REPLY))
        }
    }
}

pub(crate) fn no_room(why: String) -> Answer {
    Err(Status::not_run(Code::ResourceExhausted, reason::OVERLOADED, why))
}
