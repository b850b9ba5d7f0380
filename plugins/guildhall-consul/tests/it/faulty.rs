//! What the seams of every vendor survive.

servers::faults!(
    &servers::CONSUL,
    guildhall_consul::Consul,
    |n| format!("service=f{n}&deadline_ms=2000"),
    discovery leases names
);
