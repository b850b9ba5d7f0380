//! [`Clock`]: the app's time, for rustls.

use guildhall_core::Env;
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

/// The wall clock of the app, for the dates in certificates.
pub struct Clock(pub Env);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(self.0.wall()))
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}
