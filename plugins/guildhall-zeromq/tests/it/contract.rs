//! The contracts of brokers and queues, in one app.

mod broker {
    use crate::ground::{open, port};

    guildhall_testkit::broker_contract!(
        || {
            let port = port();
            async move || open(port, "").await.0
        },
        flavor = "multi_thread"
    );
}

mod queue {
    use crate::ground::{open, port};

    guildhall_testkit::queue_contract!(
        || {
            let port = port();
            async move || open(port, "items=100").await.1
        },
        flavor = "multi_thread"
    );
}
