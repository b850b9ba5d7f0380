//! Weighted rendezvous: every app computes the same owner of each slot, and a change of members moves few slots.

use xxhash_rust::xxh3::xxh3_64;

/// Which member each slot falls to. Members are (id, weight) by ascending id; a weight of 0 gets nothing.
pub(super) fn assign(members: &[(&str, u32)], slots: u32) -> Vec<u16> {
    (0..slots).map(|slot| owner(members, slot)).collect()
}

fn owner(members: &[(&str, u32)], slot: u32) -> u16 {
    let mut best = (f64::NEG_INFINITY, 0);
    for (at, (id, weight)) in members.iter().enumerate() {
        let score = score(id, *weight, slot);
        if score > best.0 {
            best = (score, at);
        }
    }
    u16::try_from(best.1).unwrap_or(u16::MAX)
}

/// -w / ln h, where h in (0, 1) is a hash of the member and the slot.
fn score(id: &str, weight: u32, slot: u32) -> f64 {
    let mut name = id.as_bytes().to_vec();
    name.push(b'#');
    name.extend_from_slice(&slot.to_le_bytes());
    // 52 bits, shifted off both ends of the open interval.
    #[allow(clippy::cast_precision_loss, reason = "52 bits fit a f64 exactly")]
    let h = ((xxh3_64(&name) >> 12) as f64 + 0.5) / (1u64 << 52) as f64;
    -f64::from(weight) / h.ln()
}

#[cfg(test)]
mod tests {
    use super::assign;

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
