//! What discovery and leases of every vendor survive.

servers::faults!(&servers::ETCD, guildhall_etcd::Etcd, |n| format!("prefix=f{n}&deadline_ms=2000"),
    leases discovery);
