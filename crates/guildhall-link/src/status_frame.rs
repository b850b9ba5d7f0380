//! A status on the wire: the body of an ERROR frame, and its numbers.

use guildhall_core::status::Detail;
use guildhall_core::{Code, Effect, Reason, Status};
use guildhall_wire::StatusBody;
use guildhall_wire::frame::error_from_aux;
use prost::Message as _;

/// The body of the ERROR frame that carries a status.
pub fn status_body(status: &Status) -> StatusBody {
    let detail =
        |d: &Detail| guildhall_wire::Detail { r#type: d.kind.clone(), value: d.value.clone() };
    StatusBody {
        message: status.message().to_owned(),
        reason: status.reason().number(),
        details: status.details().iter().map(detail).collect(),
    }
}

/// The status that an ERROR frame carries.
pub fn status_from_frame(aux: u16, body: &[u8]) -> Status {
    let (code, effect) = error_from_aux(aux);
    let body = StatusBody::decode(body).unwrap_or_default();
    let status = Status::new(Code::from_number(code), body.message)
        .with_reason(Reason::new(body.reason))
        .with_effect(Effect::from_number(effect));
    let details = body.details.into_iter();
    details.fold(status, |status, d| status.with_detail(Detail { kind: d.r#type, value: d.value }))
}
