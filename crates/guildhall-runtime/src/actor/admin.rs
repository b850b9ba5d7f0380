//! Access to the actors of one type from outside of their turns: count, list, close.

use std::any::TypeId;
use std::marker::PhantomData;
use std::sync::Arc;

use guildhall_core::{ActorKey, Key};
use guildhall_ownership::SlotCounts;
use guildhall_wire::Session;

use super::Actor;
use crate::cx::Cx;

/// A room, to who looks at it from outside.
pub(crate) trait Admin: Send + Sync {
    /// The type of the actors.
    fn actor(&self) -> TypeId;
    /// The name of the type.
    fn name(&self) -> &'static str;
    /// How many there are.
    fn count(&self) -> usize;
    /// Which of its slots are here.
    fn slots(&self) -> SlotCounts;
    /// Their keys, in order.
    fn keys(&self) -> Vec<Key>;
    /// Deactivates one; whether it is there.
    fn close(&self, key: &str) -> bool;
    /// Tells one, if it is in memory, that a session has ended.
    fn session_over(&self, key: &str, session: &Arc<Session>);
}

/// The actors of a type in this app's memory: `cx.actors::<Player>()`.
///
/// Actors are activated and deactivated meanwhile, so a number or a key may be outdated when it is returned.
pub struct Actors<A> {
    /// `None` when the app has no actors of this type.
    room: Option<Arc<dyn Admin>>,
    actor: PhantomData<fn(A)>,
}

impl Cx {
    /// The actors of a type in this app.
    ///
    /// ```
    /// # async fn of<Player: guildhall_runtime::Actor<Key = String>>(cx: &guildhall_runtime::Cx) {
    /// let players = cx.actors::<Player>();
    /// println!("{} players are in memory", players.count());
    /// players.close(&"ann".to_owned());
    /// # }
    /// ```
    pub fn actors<A: Actor>(&self) -> Actors<A> {
        let room = self.app.actors.iter().find(|room| room.actor() == TypeId::of::<A>());
        Actors { room: room.cloned(), actor: PhantomData }
    }
}

impl<A: Actor> Actors<A> {
    /// Number of actors in memory, including those being activated.
    pub fn count(&self) -> usize {
        self.room.as_ref().map_or(0, |room| room.count())
    }

    /// Calls `each` with the key of every actor in memory, ordered by the keys' text.
    pub fn each(&self, mut each: impl FnMut(&Key)) {
        let keys = self.room.as_ref().map(|room| room.keys()).unwrap_or_default();
        keys.iter().for_each(&mut each);
    }

    /// Deactivates an actor after the calls that wait for it, and saves it. Returns whether it was in memory.
    pub fn close(&self, key: &A::Key) -> bool {
        self.room.as_ref().is_some_and(|room| room.close(key.to_text().as_str()))
    }
}

impl<A: Actor> std::fmt::Debug for Actors<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Actors").field("name", &A::NAME).field("count", &self.count()).finish()
    }
}
