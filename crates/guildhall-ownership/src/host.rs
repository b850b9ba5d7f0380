//! [`SlotHost`]: the actors of one type in this app, as ownership sees them.

use guildhall_core::{AppId, BoxFuture};

use crate::payload::Payload;
use crate::slots::SlotTable;

/// The actors of one type in this app, by slot. Ownership decides which slots are served here, and the host does what that means for
/// their actors.
pub trait SlotHost: Send + Sync + 'static {
    /// The slots.
    fn table(&self) -> &SlotTable;

    /// A slot is served from now on: its actors resume, also after an abandoned [`leave_slot`](Self::leave_slot), residents become
    /// active, and the calls that wait for it run. `payloads` are what the previous owner gave along.
    fn serve_slot(&self, slot: u32, payloads: Vec<Payload>);

    /// Ends the turns of a slot that is not served any more because it moves to `to`, redirects the calls that wait, and saves its
    /// actors (rule 18). Returns what they give to the next owner, or `None` when an actor could not be saved.
    fn leave_slot<'a>(&'a self, slot: u32, to: &'a AppId) -> BoxFuture<'a, Option<Vec<Payload>>>;

    /// Drops the actors of a slot that another app owns now, unsaved. Calls that wait for them are redirected to `to`, if it is known.
    fn drop_slot(&self, slot: u32, to: Option<&AppId>);
}
