//! The in-memory backends keep their contracts.

mod store {
    use guildhall_core::store::memory::MemoryStore;

    guildhall_testkit::store_contract!(|| async || MemoryStore::new());
}

mod discovery {
    use guildhall_core::Env;
    use guildhall_core::discovery::memory::MemoryDiscovery;

    guildhall_testkit::discovery_contract!(
        || async || MemoryDiscovery::new(Env::real()),
        start_paused = true
    );
}
