//! The in-memory backends keep their contracts.

mod store {
    use guildhall_core::store::memory::MemoryStore;

    guildhall_testkit::store_contract!(|| async || MemoryStore::new());
    guildhall_testkit::store_bulk_contract!(|| async || MemoryStore::new());
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

    use bytes::Bytes;
    use guildhall_core::Env;
    use guildhall_core::queue::Queue as _;
    use guildhall_core::queue::memory::{MemoryQueue, QueueLimits};

    guildhall_testkit::queue_contract!(
        || async || {
            let limits = QueueLimits { items: 100, ..QueueLimits::default() };
            MemoryQueue::with(Env::real(), Duration::from_secs(30), limits)
        },
        start_paused = true
    );

    #[tokio::test(start_paused = true)]
    async fn items_that_come_again_one_after_the_other_keep_their_order() {
        let (env, wait) = (Env::real(), Duration::from_secs(30));
        let queue = MemoryQueue::with(env.clone(), wait, QueueLimits::default());
        for body in ["1", "2"] {
            queue.push("mail", Bytes::from_static(body.as_bytes())).await.unwrap();
            queue.pop("mail", wait).await.unwrap().unwrap();
            env.sleep(wait / 2).await;
        }
        // The first is back, and nobody takes it before the second is back too.
        queue.ack("mail", "nonsense").await.unwrap();
        env.sleep(wait).await;
        for body in ["1", "2"] {
            assert_eq!(queue.pop("mail", wait).await.unwrap().unwrap().body, body);
        }
    }
}
