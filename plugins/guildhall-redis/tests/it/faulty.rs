//! What every seam survives.

servers::faults!(&servers::REDIS, guildhall_redis::Redis, |n| format!("prefix=f{n}&deadline_ms=2000&connect_ms=200"),
    store leases discovery broker queue password names);
