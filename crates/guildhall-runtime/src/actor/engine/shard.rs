//! [`Shard`]: the actors of one slot by key. A call hashes its key once, and a table that grows hashes nothing.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;

use guildhall_core::hash::IdHasher;

/// What has a key.
pub(crate) trait Keyed {
    /// The text of the key.
    fn key_bytes(&self) -> &[u8];
}

/// A key with its hash.
#[derive(Clone, Copy)]
pub(crate) struct Hashed<'a> {
    pub(crate) key: &'a str,
    pub(crate) hash: u64,
}

/// The actors of one slot.
pub(crate) struct Shard<T>(HashSet<Placed<T>, BuildHasherDefault<IdHasher>>);

/// An actor with the hash of its key.
struct Placed<T> {
    actor: Arc<T>,
    hash: u64,
}

/// What actors are found by.
trait ByKey {
    fn hash(&self) -> u64;
    fn key(&self) -> &[u8];
}

impl ByKey for Hashed<'_> {
    fn hash(&self) -> u64 {
        self.hash
    }

    fn key(&self) -> &[u8] {
        self.key.as_bytes()
    }
}

impl<T: Keyed> ByKey for Placed<T> {
    fn hash(&self) -> u64 {
        self.hash
    }

    fn key(&self) -> &[u8] {
        self.actor.key_bytes()
    }
}

impl Hash for dyn ByKey + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(ByKey::hash(self));
    }
}

impl PartialEq for dyn ByKey + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for dyn ByKey + '_ {}

impl<T: Keyed> Hash for Placed<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl<T: Keyed> PartialEq for Placed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T: Keyed> Eq for Placed<T> {}

impl<'a, T: Keyed + 'a> Borrow<dyn ByKey + 'a> for Placed<T> {
    fn borrow(&self) -> &(dyn ByKey + 'a) {
        self
    }
}

impl<T: Keyed> Shard<T> {
    #[inline]
    pub(crate) fn find(&self, key: Hashed<'_>) -> Option<&Arc<T>> {
        self.0.get(&key as &dyn ByKey).map(|placed| &placed.actor)
    }

    /// Adds an actor whose key has none.
    pub(crate) fn add(&mut self, actor: Arc<T>, hash: u64) {
        self.0.insert(Placed { actor, hash });
    }

    /// Removes the actor of a key; whether there was one.
    pub(crate) fn remove(&mut self, key: Hashed<'_>) -> bool {
        self.0.remove(&key as &dyn ByKey)
    }

    pub(crate) fn actors(&self) -> impl Iterator<Item = &Arc<T>> {
        self.0.iter().map(|placed| &placed.actor)
    }
}

impl<T> Default for Shard<T> {
    fn default() -> Self {
        Self(HashSet::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Keyed for String {
        fn key_bytes(&self) -> &[u8] {
            self.as_bytes()
        }
    }

    #[test]
    fn keys_of_one_hash_are_different_keys() {
        let hash = 7;
        let mut shard = Shard::default();
        for key in ["ann", "bob", "eve"] {
            shard.add(Arc::new(key.to_owned()), hash);
        }
        let has = |shard: &Shard<String>, key| {
            shard.find(Hashed { key, hash }).is_some_and(|found| **found == *key)
        };
        assert!(has(&shard, "bob"));
        assert!(!has(&shard, "dan"));
        assert!(shard.remove(Hashed { key: "bob", hash }));
        assert!(!shard.remove(Hashed { key: "bob", hash }));
        assert!(!has(&shard, "bob") && has(&shard, "eve"));
        assert_eq!(shard.actors().count(), 2);
    }
}
