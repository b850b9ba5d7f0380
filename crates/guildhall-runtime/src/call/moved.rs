//! The status that names the present owner of an actor: the refusing app writes it, the caller follows it.

use guildhall_core::status::{Detail, reason};
use guildhall_core::{AppId, Code, Status};
use prost::Message as _;

use crate::proto::Moved;

/// The full name of [`Moved`] in the details of a status.
const MOVED: &str = "guildhall.runtime.Moved";

/// The status of a call whose actor is elsewhere.
pub(crate) fn moved(to: &AppId, path: &str) -> Status {
    let value = Moved { to: to.to_string() }.encode_to_vec().into();
    let status =
        Status::not_run(Code::Unavailable, reason::MOVED, format!("{path}: {to} owns it now"));
    status.with_detail(Detail { kind: MOVED.to_owned(), value })
}

/// The owner that a refused call names, if it names one.
pub(crate) fn moved_to(status: &Status) -> Option<AppId> {
    if status.reason() != reason::MOVED {
        return None;
    }
    let detail = status.details().iter().find(|detail| detail.kind == MOVED)?;
    Moved::decode(detail.value.clone()).ok()?.to.parse().ok()
}
