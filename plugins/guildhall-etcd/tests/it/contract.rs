//! The contracts of discovery and leases. A restart of leases is a restart of their server.

use guildhall_etcd::EtcdLeases;
use servers::{ETCD, Server, shared};
use tokio::sync::Mutex;

use crate::ground::{fresh_prefix, runs, seams_of};

mod discovery {
    use super::{ETCD, fresh_prefix, runs, seams_of, shared};

    guildhall_testkit::discovery_contract!(
        if runs,
        || {
            let prefix = fresh_prefix();
            async move || seams_of(shared(&ETCD), &prefix).discovery
        }
    );
}

mod of_leases {
    use super::{fresh_prefix, restarting, runs};

    guildhall_testkit::leases_contract!(if runs, || restarting(fresh_prefix()));
}

/// Opens leases of a server of its own, which is killed and started again before each later opening.
fn restarting(prefix: String) -> impl AsyncFn() -> EtcdLeases {
    let server = Mutex::new(None::<Server>);
    async move || {
        let mut server = server.lock().await;
        match &mut *server {
            None => *server = Some(Server::new(&ETCD)),
            Some(server) => server.kill(),
        }
        let server = server.as_mut().unwrap();
        server.start();
        seams_of(server, &prefix).leases
    }
}
