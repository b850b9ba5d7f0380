//! What an error of the server says of an attempt at a request.

use guildhall_sql::Fault;
use mysql_async::{DriverError, Error, ServerError};

/// Deadlock, waited too long for a lock, a row that was inserted meanwhile, a row that has changed since the snapshot.
const CONFLICTS: [u16; 4] = [1213, 1205, 1062, 1020];
/// Values that do not fit, rows that are too large.
const VALUES: [u16; 8] = [1153, 1118, 1264, 1265, 1292, 1366, 1367, 1406];
/// The statement took too long, or somebody has interrupted it.
const SLOW: [u16; 3] = [1317, 1969, 3024];
/// Read-only after a failover, shutting down, full of connections, killed: another connection may do.
const LOST: [u16; 12] = [1040, 1053, 1129, 1152, 1158, 1159, 1160, 1161, 1290, 1792, 1836, 1927];

/// An error of a COMMIT. Only an error that says that the transaction was rolled back is one after which nothing is written.
pub(crate) fn of_commit(error: &Error) -> Fault {
    match error {
        Error::Server(server) if CONFLICTS.contains(&server.code) => Fault::Conflict(words(error)),
        _ => Fault::Unknown(words(error)),
    }
}

/// An error of anything else.
pub(crate) fn of(error: &Error) -> Fault {
    let why = words(error);
    let code = match error {
        Error::Server(ServerError { code, .. }) => code,
        Error::Driver(DriverError::PacketTooLarge) => return Fault::Values(why),
        _ => return Fault::Lost(why),
    };
    if CONFLICTS.contains(code) {
        Fault::Conflict(why)
    } else if VALUES.contains(code) {
        Fault::Values(why)
    } else if SLOW.contains(code) {
        Fault::Busy(format!("{why}; the server is slow or another transaction is long"))
    } else if LOST.contains(code) {
        Fault::Lost(why)
    } else {
        // Space, memory, rights, objects that are not there.
        Fault::Busy(why)
    }
}

/// The error and what it stems from.
pub(crate) fn words(error: &Error) -> String {
    match error {
        Error::Server(server) => format!("the server says {}: {}", server.code, server.message),
        // Its text would have the bytes of the server in it.
        Error::Driver(DriverError::UnexpectedPacket { .. }) => {
            "the server's answer cannot be read".to_owned()
        }
        Error::Driver(error) => error.to_string(),
        Error::Io(error) => error.to_string(),
        Error::Other(error) => error.to_string(),
        Error::Url(_) => "the address cannot be used".to_owned(),
    }
}
