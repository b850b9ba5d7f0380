//! Redirects what waits for an actor that has left this app.

use guildhall_core::status::reason;
use guildhall_core::{AppId, Code};

use super::mailbox::{Letter, Letters};
use crate::ownership::redirect;

/// Redirects calls to the owner of their slot; without one they are refused.
pub(crate) fn redirect_letters(letters: Letters, to: Option<&AppId>) {
    for letter in letters {
        match (letter, to) {
            (Letter::Call(call), Some(to)) => redirect(call, to),
            (Letter::Call(call), None) => {
                let why = format!("{}: nobody owns it just now", call.method.path);
                call.reply.refuse(Code::Unavailable, reason::NOT_READY, why);
            }
            // Timers end with the activation, and records expire.
            (Letter::Timer(_) | Letter::SessionOver(_), _) => {}
        }
    }
}
