//! The in-memory backends keep their contracts.

mod store {
    use guildhall_core::store::memory::MemoryStore;

    guildhall_testkit::store_contract!(|| async || MemoryStore::new());
}

mod broker {
    use guildhall_core::broker::memory::MemoryBroker;

    guildhall_testkit::broker_contract!(|| async || MemoryBroker::new(), start_paused = true);
}

mod discovery {
    use guildhall_core::Env;
    use guildhall_core::discovery::memory::MemoryDiscovery;

    guildhall_testkit::discovery_contract!(
        || async || MemoryDiscovery::new(Env::real()),
        start_paused = true
    );
}

mod leases {
    use guildhall_core::Env;
    use guildhall_core::leases::memory::MemoryLeases;

    guildhall_testkit::leases_contract!(
        || async || MemoryLeases::new(Env::real()),
        start_paused = true
    );
}

mod queue {
    use std::time::Duration;

    use guildhall_core::Env;
    use guildhall_core::queue::memory::{MemoryQueue, QueueLimits};

    guildhall_testkit::queue_contract!(
        || async || {
            let limits = QueueLimits { items: 100, ..QueueLimits::default() };
            MemoryQueue::with(Env::real(), Duration::from_secs(30), limits)
        },
        start_paused = true
    );
}
