//! The contract of every seam.

mod store {
    use crate::server::{fresh, is_there, opened};

    guildhall_testkit::store_contract!(if is_there, || {
        let options = fresh();
        async move || opened(&options).await.store()
    });
    guildhall_testkit::store_bulk_contract!(if is_there, || {
        let options = fresh();
        async move || opened(&options).await.store()
    });
}

mod discovery {
    use crate::server::{fast, fresh, is_there, open};

    guildhall_testkit::discovery_contract!(if is_there, || {
        let options = fresh();
        async move || open(&fast().url(), &options).await.discovery()
    });
}

mod broker {
    use crate::server::{fresh, is_there, opened};

    guildhall_testkit::broker_contract!(if is_there, || {
        let options = fresh();
        async move || opened(&options).await.broker()
    });
}

mod queue {
    use crate::server::{fresh, is_there, opened};

    guildhall_testkit::queue_contract!(if is_there, || {
        let options = format!("{}&ack_wait_ms=1500&queue_items=300", fresh());
        async move || opened(&options).await.queue()
    });
}

mod leases {
    use std::sync::Mutex;

    use servers::{REDIS, Server};

    use crate::server::{fresh, is_there, open};

    // A server of its own for each test: opened again is restarted, as if by a power cut.
    guildhall_testkit::leases_contract!(if is_there, || {
        let (server, options) = (Mutex::new(None::<Server>), fresh());
        async move || {
            let url = {
                let mut server = server.lock().unwrap();
                match &mut *server {
                    Some(server) => server.kill(),
                    None => *server = Some(Server::new(&REDIS)),
                }
                let server = server.as_mut().unwrap();
                server.start();
                server.url()
            };
            open(&url, &options).await.leases()
        }
    });
}
