//! Calls with encoded bodies, for gates, which do not decode them, and for tools.

use bytes::Bytes;
use guildhall_core::{KeyText, MethodDesc, Status};

use crate::call::Cx;

pub use guildhall_core::rpc::{Keyed, RawBody, find_key};

pub use super::described::describe;
pub use super::session_over::session_over;
pub use crate::call::Target;
pub use crate::call::interned::Interned;

/// Calls `method` and returns the encoded response. The first poll hands the request over, so calls go in the order in which
/// they were first polled.
///
/// # Errors
/// As any call.
///
/// # Cancel safety
/// Dropped, the call is cancelled: what has not begun is not run.
pub async fn call(
    cx: &Cx,
    method: &'static MethodDesc,
    key: KeyText<'_>,
    body: RawBody<'_>,
) -> Result<Bytes, Status> {
    call_to(cx, method, &Target::Default, key, body).await
}

/// As [`call`], to where `target` says.
///
/// # Errors
/// As any call.
///
/// # Cancel safety
/// As [`call`].
pub async fn call_to(
    cx: &Cx,
    method: &'static MethodDesc,
    target: &Target,
    key: KeyText<'_>,
    body: RawBody<'_>,
) -> Result<Bytes, Status> {
    crate::call::call_encoded(cx, method, target, key, &body).await
}

/// Sends a request that wants no reply; `Ok` says only that it was queued.
///
/// # Errors
/// There is no route, or no room.
pub fn cast(
    cx: &Cx,
    method: &'static MethodDesc,
    key: KeyText<'_>,
    body: RawBody<'_>,
) -> Result<(), Status> {
    cast_to(cx, method, &Target::Default, key, body)
}

/// As [`cast`], to where `target` says.
///
/// # Errors
/// There is no route, or no room.
pub fn cast_to(
    cx: &Cx,
    method: &'static MethodDesc,
    target: &Target,
    key: KeyText<'_>,
    body: RawBody<'_>,
) -> Result<(), Status> {
    crate::call::cast_encoded(cx, method, target, key, &body)
}
