//! The contracts of the seams.

mod broker {
    use crate::server::{fresh, is_there, seams};

    guildhall_testkit::broker_contract!(if is_there, || {
        let prefix = fresh();
        async move || seams(&prefix, "").await.broker
    });
}

mod discovery {
    use crate::server::{fresh, is_there, seams};

    guildhall_testkit::discovery_contract!(if is_there, || {
        let prefix = fresh();
        async move || seams(&prefix, "").await.discovery
    });
}

mod leases {
    use crate::server::{fresh, is_there, seams};

    guildhall_testkit::leases_contract!(if is_there, || {
        let prefix = fresh();
        async move || seams(&prefix, "").await.leases
    });
}

mod queue {
    use crate::server::{fresh, is_there, seams};

    guildhall_testkit::queue_contract!(if is_there, || {
        let prefix = fresh();
        async move || seams(&prefix, "&queue_items=300&queue_ack_ms=3000").await.queue
    });
}
