//! What a discovery of every vendor survives.

servers::faults!(
    &servers::CONSUL,
    guildhall_consul::Consul,
    |n| format!("service=f{n}&deadline_ms=2000"),
    discovery names
);
