//! The contracts of brokers and queues.

mod broker {
    use crate::ground::{is_there, open, place};

    guildhall_testkit::broker_contract!(if is_there, || {
        let place = place();
        async move || open(&place).0
    }, flavor = "multi_thread");
}

mod queue {
    use crate::ground::{is_there, open, place};

    guildhall_testkit::queue_contract!(if is_there, || {
        let place = place();
        async move || open(&place).1
    }, flavor = "multi_thread");
}
