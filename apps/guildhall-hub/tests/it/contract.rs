//! Every seam of a hub keeps its contract. What is opened again is opened after the hub was stopped and started again.

use crate::world::World;

mod discovery {
    use super::World;

    guildhall_testkit::discovery_contract!(|| {
        let world = World::new();
        async move || world.fresh().await.discovery()
    });
}

mod broker {
    use super::World;

    guildhall_testkit::broker_contract!(|| {
        let world = World::new();
        async move || world.fresh().await.broker()
    });
}

mod queue {
    use super::World;

    guildhall_testkit::queue_contract!(|| {
        let world = World::new();
        async move || world.fresh().await.queue().await.unwrap()
    });
}

mod leases {
    use super::World;

    guildhall_testkit::leases_contract!(|| {
        let world = World::new();
        async move || world.fresh().await.leases()
    });
}

mod store {
    use super::World;

    guildhall_testkit::store_contract!(|| {
        let world = World::new();
        async move || world.fresh().await.store()
    });
}
