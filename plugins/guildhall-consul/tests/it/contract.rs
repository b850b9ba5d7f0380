//! The contracts of the seams.

use servers::CONSUL;

use crate::ground::{discovery, fresh_service, leases, runs};

mod nodes {
    use super::{CONSUL, discovery, fresh_service, runs};

    guildhall_testkit::discovery_contract!(
        if runs,
        || {
            // Apps of all tests have the same ids, and an agent has one service of an id.
            let (service, server) = (fresh_service(), servers::Server::new(&CONSUL));
            let server = tokio::sync::Mutex::new(server);
            let started = std::sync::Once::new();
            async move || {
                let mut server = server.lock().await;
                started.call_once(|| server.start());
                discovery(&server, &service)
            }
        }
    );
}

mod held {
    use super::{CONSUL, fresh_service, leases, runs};

    guildhall_testkit::leases_contract!(
        if runs,
        || {
            let service = fresh_service();
            async move || leases(servers::shared(&CONSUL), &service).await
        }
    );
}
