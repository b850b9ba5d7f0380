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
