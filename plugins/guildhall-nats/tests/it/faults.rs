//! What may befall the server: the suites of all vendors, on Debian's server and on today's.

macro_rules! faults {
    ($version:ident $recipe:ident) => {
        mod $version {
            servers::faults!(
                &servers::$recipe,
                guildhall_nats::Nats,
                |n| format!("prefix=f{n}&deadline_ms=2000&queue_ack_ms=3000&queue_bytes=4194304"),
                broker discovery leases queue password names
            );
        }
    };
}

faults! { debian NATS }
faults! { today NATS_TODAY }
