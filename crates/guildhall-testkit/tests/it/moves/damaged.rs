//! One slot with something wrong in it, and all others.

use std::time::Duration;

use guildhall::Effect;
use guildhall::entity::Entity as _;
use guildhall::store::{Holder, RowId, Token};
use guildhall_core::leases::memory::EPOCH_END;
use guildhall_core::{Incarnation, slot_of};
use guildhall_testkit::{Seam, SeamFaults};
use proto::counter::{AddReq, CounterClient, CounterStateEntity};

use super::{KEYS, ONE, all, cluster, fill};
use crate::world::CALLER;

#[tokio::test(start_paused = true)]
async fn a_row_with_a_damaged_epoch_keeps_no_other_slot_away() {
    let cluster = cluster(22, &[ONE]).await;
    let cx = cluster.cx(CALLER);
    fill(&cx).await;
    // A row that says it was written under an epoch that no backend grants.
    let key = "damaged";
    let token = Token {
        lease: format!("pot/{}", slot_of(key, 64)).into(),
        epoch: EPOCH_END + 1,
        holder: Holder { app: "dev.w1.pot.9".parse().unwrap(), incarnation: Incarnation(1) },
        activation: 1,
    };
    let row = RowId { table: CounterStateEntity::TABLE, key: key.into(), sub: None };
    cluster.store().claim(&[row], token).await.unwrap();
    let req = AddReq { id: key.into(), add: 1, note: String::new() };
    let refused = CounterClient::new(&cx).add(req).await.unwrap_err();
    assert_eq!(refused.effect(), Effect::NotRun, "{refused}");
    // The app loses its session, and acquires all of its slots in one batch.
    cluster.set_faults(ONE, Seam::Leases, SeamFaults::away());
    cluster.advance(Duration::from_secs(10)).await;
    cluster.end_faults();
    cluster.advance(Duration::from_secs(3)).await;
    let served = all(&cx).await;
    assert_eq!(served.len(), KEYS as usize);
    assert!(served.iter().all(|(value, ..)| *value == 1), "{served:?}");
}
