//! What every store survives.

servers::faults!(
    &servers::MONGO,
    guildhall_mongo::Mongo,
    |n| format!("schema=f{n}&deadline_ms=2000"),
    store full names
);
