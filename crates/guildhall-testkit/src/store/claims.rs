//! Rules of claims.

use guildhall_core::store::Store;

use super::ground::{
    NAME, claim, created, kind_of, opened, read, refused, row, text, token, token_of,
};

/// Rule 1.
pub async fn a_claim_makes_a_tombstone_where_there_was_nothing<T: Store>(
    open: impl AsyncFn() -> T,
) {
    let store = opened(&open).await;
    assert_eq!(read(&store, "1").await, None);
    let claimed = store.claim(&[row("1"), row("2")], token(5)).await.expect("nobody has them");
    for made in &claimed {
        assert_eq!((made.token.as_ref(), made.version, made.exists), (Some(&token(5)), 1, false));
        assert!(made.fields.is_empty() && made.records.is_empty());
    }
    assert_eq!(read(&store, "1").await.as_ref(), Some(&claimed[0]));

    // A claim is all or none: row 3 stays untouched because row 2 refuses.
    let other = store.claim(&[row("3"), row("2")], token(4)).await;
    assert_eq!(kind_of(other), refused(5));
    assert_eq!(read(&store, "3").await, None);
}

/// Rule 2.
pub async fn a_claim_by_a_smaller_epoch_is_refused<T: Store>(open: impl AsyncFn() -> T) {
    let store = opened(&open).await;
    created(&store, "1", &token_of(5, 2, 1, 1), vec![text(NAME, "ann")]).await;
    let before = read(&store, "1").await;
    assert_eq!(kind_of(claim(&store, "1", &token(4)).await), refused(5));
    assert_eq!(read(&store, "1").await, before, "a refused claim changes nothing");

    let taken = claim(&store, "1", &token(6)).await.expect("6 is larger than 5");
    assert_eq!((taken.version, taken.fields), (3, vec![text(NAME, "ann")]));
}

/// Rule 2.
pub async fn a_claim_by_an_equal_epoch_of_another_holder_is_refused<T: Store>(
    open: impl AsyncFn() -> T,
) {
    let store = opened(&open).await;
    claim(&store, "1", &token_of(5, 1, 1, 1)).await.expect("nobody has it");
    assert_eq!(kind_of(claim(&store, "1", &token_of(5, 2, 1, 1)).await), refused(5), "an app");
    assert_eq!(kind_of(claim(&store, "1", &token_of(5, 1, 2, 1)).await), refused(5), "a life");
}

/// Rule 3.
pub async fn a_second_activation_of_the_same_holder_claims<T: Store>(open: impl AsyncFn() -> T) {
    let store = opened(&open).await;
    claim(&store, "1", &token_of(5, 1, 1, 1)).await.expect("nobody has it");
    let second = claim(&store, "1", &token_of(5, 1, 1, 2)).await.expect("the same holder");
    assert_eq!((second.token, second.version), (Some(token_of(5, 1, 1, 2)), 2));
}

/// Rule 3.
pub async fn a_claim_that_arrives_twice_counts_once<T: Store>(open: impl AsyncFn() -> T) {
    let store = opened(&open).await;
    let first = claim(&store, "1", &token(5)).await.expect("nobody has it");
    let copy = claim(&store, "1", &token(5)).await.expect("it has it");
    assert_eq!(copy, first);
}

/// Rule 13.
pub async fn a_claim_under_another_lease_is_refused<T: Store>(open: impl AsyncFn() -> T) {
    let store = opened(&open).await;
    claim(&store, "1", &token(5)).await.expect("nobody has it");
    let mut other = token(99);
    other.lease = "contract/2".into();
    assert_eq!(kind_of(claim(&store, "1", &other).await), refused(5));
}
