//! The callee's check of the key: the decoded request of a client has to have the session's player as its key.

use guildhall_core::status::reason;
use guildhall_core::{Code, KeyText, MethodDesc, Status, outside};

use crate::call::Cx;

/// A client acts as its own player alone, and an actor's turn is for its own key.
///
/// # Errors
/// `BAD_KEY`: the key is another one. It is counted and logged, as a gate or a key scan is broken then.
pub(crate) fn check(cx: &Cx, method: &'static MethodDesc, key: KeyText<'_>) -> Result<(), Status> {
    if method.key.is_none() {
        return Ok(());
    }
    // Apps call for other players too: what a game does for one player may be another one's loss.
    let session = cx.session().filter(|session| method.key_from_player && !session.inner);
    let player = session.map(|session| session.player.as_bytes());
    let own = cx.turn.as_ref().and_then(|turn| turn.key());
    key.with_text(|key| {
        let key = key.unwrap_or_default();
        match [player, own].into_iter().flatten().find(|expected| *expected != key.as_bytes()) {
            Some(expected) => Err(refusal(cx, method, key, expected)),
            None => Ok(()),
        }
    })
}

#[cold]
fn refusal(cx: &Cx, method: &'static MethodDesc, key: &str, expected: &[u8]) -> Status {
    cx.core.counters.forged_keys.add(1);
    let caller = cx.caller().unwrap_or(cx.app_id());
    let expected = String::from_utf8_lossy(expected);
    let (method, key, expected) = (method.path, outside(key), outside(&expected));
    tracing::error!(method, %key, %expected, %caller, "call refused: forged key");
    let why = format!("{method}: the key is not the session's player, or not the actor's");
    Status::not_run(Code::PermissionDenied, reason::BAD_KEY, why)
}
