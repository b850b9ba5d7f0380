//! What an error of the server says of an attempt at a request.

pub(crate) use guildhall_sql::Fault;
use tokio_postgres::error::SqlState;

/// An error of a COMMIT. Only an error that says that the transaction was rolled back is one after which nothing is written.
pub(crate) fn of_commit(error: &tokio_postgres::Error) -> Fault {
    let rolled_back = error.code().is_some_and(|code| matches!(&code.code()[..2], "40" | "23"));
    match rolled_back {
        true => Fault::Conflict(words(error)),
        false => Fault::Unknown(words(error)),
    }
}

/// An error of anything else.
pub(crate) fn of(error: &tokio_postgres::Error) -> Fault {
    let why = words(error);
    let Some(code) = error.code() else { return Fault::Lost(why) };
    if *code == SqlState::LOCK_NOT_AVAILABLE || *code == SqlState::QUERY_CANCELED {
        return Fault::Busy(format!("{why}; the server is slow or another transaction is long"));
    }
    match &code.code()[..2] {
        // Serialization, deadlock, a row that was inserted meanwhile.
        "40" | "23" => Fault::Conflict(why),
        // Values that do not fit, and limits of the server such as the size of an index entry.
        "22" | "54" => Fault::Values(why),
        // Space, memory, locks, rights, objects that are not there.
        "53" | "42" | "55" | "3D" | "3F" => Fault::Busy(why),
        // A server that shuts down or is read-only after a failover, wrong credentials, and all else.
        _ => Fault::Lost(why),
    }
}

/// The error and what it stems from.
pub(crate) fn words(error: &tokio_postgres::Error) -> String {
    if let Some(db) = error.as_db_error() {
        let detail = db.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
        return format!("the server says {}: {}{detail}", db.code().code(), db.message());
    }
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}
