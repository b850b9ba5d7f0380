//! What every vendor's seams survive.

servers::faults!(&servers::POSTGRES, guildhall_postgres::Postgres, |n| format!("schema=f{n}&deadline_ms=2000"),
    store full leases discovery broker password names);
