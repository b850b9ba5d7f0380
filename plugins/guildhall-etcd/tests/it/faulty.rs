//! What discovery and leases of every vendor survive, on Debian's server and on today's.

macro_rules! faults {
    ($version:ident $recipe:ident) => {
        mod $version {
            servers::faults!(
                &servers::$recipe,
                guildhall_etcd::Etcd,
                |n| format!("prefix=f{n}&deadline_ms=2000"),
                leases discovery names
            );
        }
    };
}

faults! { debian ETCD }
faults! { today ETCD_TODAY }
