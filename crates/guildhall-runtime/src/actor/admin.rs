//! [`Actors`]: the actors of one type in this app, from outside of their turns.

use std::any::TypeId;
use std::marker::PhantomData;
use std::sync::Arc;

use guildhall_core::{ActorKey, Key};

use super::Actor;
use super::any_host::AnyHost;
use super::engine::ActorPart;
use crate::call::Cx;

/// The actors of a type in this app's memory: `cx.actors::<Player>()`.
///
/// Actors are activated and deactivated meanwhile, so a number or a key may be outdated when it is returned.
pub struct Actors<A> {
    /// `None` when the app has no actors of this type.
    host: Option<Arc<dyn AnyHost>>,
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
        let host = self
            .core
            .part::<ActorPart>()
            .hosts
            .iter()
            .find(|host| host.actor() == TypeId::of::<A>());
        Actors { host: host.cloned(), actor: PhantomData }
    }
}

impl<A: Actor> Actors<A> {
    /// Number of actors in memory, including those being activated.
    pub fn count(&self) -> usize {
        self.host.as_ref().map_or(0, |host| host.count())
    }

    /// Calls `each` with the key of every actor in memory, ordered by the keys' text.
    pub fn each(&self, mut each: impl FnMut(&Key)) {
        let keys = self.host.as_ref().map(|host| host.keys()).unwrap_or_default();
        keys.iter().for_each(&mut each);
    }

    /// Deactivates an actor after the calls that wait for it, and saves it. Returns whether it was in memory.
    pub fn close(&self, key: &A::Key) -> bool {
        self.host.as_ref().is_some_and(|host| host.close(key.to_text().as_str()))
    }
}

impl<A: Actor> std::fmt::Debug for Actors<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Actors").field("name", &A::NAME).field("count", &self.count()).finish()
    }
}
