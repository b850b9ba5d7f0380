//! The contracts of discovery and leases, on Debian's server and on today's. A restart of leases is a restart of their server.

use guildhall_etcd::EtcdLeases;
use servers::{Recipe, Server};
use tokio::sync::Mutex;

use crate::ground::seams_of;

macro_rules! contracts {
    ($version:ident $recipe:ident) => {
        mod $version {
            use servers::{$recipe as VERSION, is_there, shared};

            use super::restarting;
            use crate::ground::{fresh_prefix, seams_of};

            fn runs(test: &str) -> bool {
                is_there(&VERSION, test)
            }

            mod discovery {
                use super::{VERSION, fresh_prefix, runs, seams_of, shared};

                guildhall_testkit::discovery_contract!(if runs, || {
                    let prefix = fresh_prefix();
                    async move || seams_of(shared(&VERSION), &prefix).discovery
                });
            }

            mod of_leases {
                use super::{VERSION, fresh_prefix, restarting, runs};

                guildhall_testkit::leases_contract!(if runs, || restarting(&VERSION, fresh_prefix()));
            }
        }
    };
}

contracts! { debian ETCD }
contracts! { today ETCD_TODAY }

/// Opens leases of a server of its own, which is killed and started again before each later opening.
fn restarting(version: &'static Recipe, prefix: String) -> impl AsyncFn() -> EtcdLeases {
    let server = Mutex::new(None::<Server>);
    async move || {
        let mut server = server.lock().await;
        match &mut *server {
            None => *server = Some(Server::new(version)),
            Some(server) => server.kill(),
        }
        let server = server.as_mut().unwrap();
        server.start();
        seams_of(server, &prefix).leases
    }
}
