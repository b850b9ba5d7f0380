//! What every store survives.

servers::faults!(&servers::MYSQL, guildhall_mysql::MySql, |n| format!("schema=f{n}&deadline_ms=2000"),
    store full password names);
