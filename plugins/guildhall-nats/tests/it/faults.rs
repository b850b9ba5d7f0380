//! What may befall the server: the suites of all vendors.

servers::faults!(
    &servers::NATS,
    guildhall_nats::Nats,
    |n| format!("prefix=f{n}&deadline_ms=2000&queue_ack_ms=3000"),
    broker discovery leases queue password
);
