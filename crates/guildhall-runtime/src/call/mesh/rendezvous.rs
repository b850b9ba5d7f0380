//! Weighted rendezvous: every app computes the same owner of each slot, and a change of members moves few slots.

use std::sync::{Arc, OnceLock};

use guildhall_core::AppId;
use xxhash_rust::xxh3::xxh3_64;

/// (id, weight) by ascending id; a weight of 0 gets nothing.
type Members = Arc<[(AppId, u32)]>;

/// [`Slots`] that are given when somebody asks for one first: most services are never called by a key.
#[derive(Debug)]
pub(super) struct LazySlots {
    members: Members,
    count: u32,
    slots: OnceLock<Slots>,
}

impl LazySlots {
    /// Where the slots of `before` were asked for, these are given at once, from what is known of those.
    pub(super) fn new(members: Members, count: u32, before: Option<&Self>) -> Self {
        let before = before.filter(|before| before.count == count);
        let before = before.and_then(|before| before.slots.get());
        let slots = before.map(|before| Slots::assign(Arc::clone(&members), count, Some(before)));
        Self { members, count, slots: slots.map(OnceLock::from).unwrap_or_default() }
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    #[inline]
    pub(super) fn get(&self) -> &Slots {
        self.slots.get_or_init(|| Slots::assign(Arc::clone(&self.members), self.count, None))
    }
}

/// Which member each slot falls to, and with which score.
#[derive(Debug)]
pub(super) struct Slots {
    members: Members,
    owners: Vec<(u16, f64)>,
}

impl Slots {
    /// Gives the slots to `members`. What is known of the members `before` is used again: a change of one member costs one
    /// score per slot, not one per slot and member.
    fn assign(members: Members, slots: u32, before: Option<&Self>) -> Self {
        let old = before.map_or(&[][..], |before| &before.members);
        let (moved, added) = compare(old, &members);
        let all: Vec<usize> = (0..members.len()).collect();
        let mut name = Vec::new();
        let owners = (0..slots).map(|slot| {
            let known = before.and_then(|before| {
                let (owner, score) = before.owners[slot as usize];
                Some((moved.get(usize::from(owner)).copied()??, score))
            });
            let (candidates, mut best) = match known {
                Some(known) => (&added, known),
                None => (&all, (0, f64::NEG_INFINITY)),
            };
            for at in candidates {
                let (id, weight) = &members[*at];
                let score = score(&mut name, id.as_str(), *weight, slot);
                if score > best.1 {
                    best = (*at, score);
                }
            }
            (u16::try_from(best.0).unwrap_or(u16::MAX), best.1)
        });
        let owners = owners.collect();
        Self { members, owners }
    }

    pub(super) fn owner(&self, slot: u32) -> usize {
        usize::from(self.owners[slot as usize].0)
    }
}

/// Where each old member is now, unless it is gone or has another weight; and which members are new. Both lists have ascending ids.
fn compare(old: &[(AppId, u32)], now: &[(AppId, u32)]) -> (Vec<Option<usize>>, Vec<usize>) {
    let (mut moved, mut added) = (Vec::with_capacity(old.len()), Vec::new());
    let mut at = 0;
    for (id, weight) in old {
        while now.get(at).is_some_and(|(other, _)| other < id) {
            added.push(at);
            at += 1;
        }
        let same = now.get(at).filter(|(other, _)| other == id);
        let stays = same.is_some_and(|(_, now)| now == weight);
        moved.push(stays.then_some(at));
        if same.is_some() {
            added.extend((!stays).then_some(at));
            at += 1;
        }
    }
    added.extend(at..now.len());
    (moved, added)
}

/// -w / ln h, where h in (0, 1) is a hash of the member and the slot.
fn score(name: &mut Vec<u8>, id: &str, weight: u32, slot: u32) -> f64 {
    name.clear();
    name.extend_from_slice(id.as_bytes());
    name.push(b'#');
    name.extend_from_slice(&slot.to_le_bytes());
    // 52 bits, shifted off both ends of the open interval.
    #[allow(clippy::cast_precision_loss, reason = "52 bits fit a f64 exactly")]
    let h = ((xxh3_64(name) >> 12) as f64 + 0.5) / (1u64 << 52) as f64;
    -f64::from(weight) / h.ln()
}

#[cfg(test)]
mod tests {
    use super::Slots;

    fn members(members: &[(&str, u32)]) -> super::Members {
        members.iter().map(|(id, weight)| (id.parse().unwrap(), *weight)).collect()
    }

    fn owners(slots: &Slots) -> Vec<u16> {
        slots.owners.iter().map(|(owner, _)| *owner).collect()
    }

    fn assign(list: &[(&str, u32)], slots: u32) -> Vec<u16> {
        owners(&Slots::assign(members(list), slots, None))
    }

    fn share(slots: &[u16], member: u16) -> usize {
        slots.iter().filter(|owner| **owner == member).count()
    }

    #[test]
    fn slots_follow_the_weights() {
        let slots = assign(&[("dev.w.role.1", 100), ("dev.w.role.2", 300)], 4096);
        let large = share(&slots, 1);
        assert!((2900..3250).contains(&large), "{large} of 4096 for three quarters of the weight");
    }

    #[test]
    fn a_new_member_takes_slots_and_moves_no_others() {
        let two = assign(&[("dev.w.role.1", 1), ("dev.w.role.2", 1)], 1024);
        let three = assign(&[("dev.w.role.1", 1), ("dev.w.role.2", 1), ("dev.w.role.3", 1)], 1024);
        assert!(two.iter().zip(&three).all(|(before, after)| *after == 2 || before == after));
    }

    #[test]
    fn slots_after_any_change_are_those_of_a_fresh_start() {
        const ROLES: [(&str, u32); 4] =
            [("dev.w.role.1", 100), ("dev.w.role.2", 50), ("dev.w.role.3", 0), ("dev.w.role.4", 7)];
        let mut before: Option<Slots> = None;
        // Every way to go from one set of members to another, weights included.
        for step in 0..256u32 {
            let list: Vec<_> = (0..4)
                .filter(|at| ((step * 37) >> at) & 1 == 1)
                .map(|at| (ROLES[at].0, ROLES[at].1 + step % 3))
                .collect();
            let now = Slots::assign(members(&list), 256, before.as_ref());
            assert_eq!(owners(&now), assign(&list, 256), "step {step}");
            before = Some(now);
        }
    }

    #[test]
    fn a_weight_of_zero_gets_nothing() {
        let slots = assign(&[("dev.w.role.1", 0), ("dev.w.role.2", 1)], 1024);
        assert_eq!(share(&slots, 0), 0);
    }

    #[test]
    fn the_first_slots_are_pinned() {
        let slots =
            assign(&[("dev.w.role.1", 100), ("dev.w.role.2", 100), ("dev.w.role.3", 100)], 8);
        assert_eq!(slots, PINNED);
    }

    /// Computed apart from this code. Every app of a cluster must agree, whatever its version.
    const PINNED: [u16; 8] = [1, 2, 2, 2, 0, 0, 1, 1];
}
