//! The contracts of the seams, on Debian's server and on today's.

macro_rules! contracts {
    ($version:ident $recipe:ident) => {
        mod $version {
            use servers::{$recipe as VERSION, is_there};

            use crate::server::{fresh, seams_on};

            fn runs(test: &str) -> bool {
                is_there(&VERSION, test)
            }

            mod broker {
                use super::{VERSION, fresh, runs, seams_on};

                guildhall_testkit::broker_contract!(if runs, || {
                    let prefix = fresh();
                    async move || seams_on(&VERSION, &prefix, "").await.broker
                });
            }

            mod discovery {
                use super::{VERSION, fresh, runs, seams_on};

                guildhall_testkit::discovery_contract!(if runs, || {
                    let prefix = fresh();
                    async move || seams_on(&VERSION, &prefix, "").await.discovery
                });
            }

            mod leases {
                use super::{VERSION, fresh, runs, seams_on};

                guildhall_testkit::leases_contract!(if runs, || {
                    let prefix = fresh();
                    async move || seams_on(&VERSION, &prefix, "").await.leases
                });
            }

            mod queue {
                use super::{VERSION, fresh, runs, seams_on};

                guildhall_testkit::queue_contract!(if runs, || {
                    let (prefix, options) = (fresh(), "&queue_items=300&queue_bytes=4194304&queue_ack_ms=3000");
                    async move || seams_on(&VERSION, &prefix, options).await.queue
                });
            }
        }
    };
}

contracts! { debian NATS }
contracts! { today NATS_TODAY }
