//! Output of the program. A closed pipe is not an error.

use std::io::{IsTerminal as _, Write as _};

/// Prints to where results go.
pub(crate) fn print(text: &str) {
    print_bytes(text.as_bytes());
    print_bytes(b"\n");
}

/// Prints to where results go, as it is.
pub(crate) fn print_bytes(bytes: &[u8]) {
    let _nobody_reads = std::io::stdout().write_all(bytes);
}

/// Prints to where errors go.
pub(crate) fn complain(text: &str) {
    let _nobody_reads = writeln!(std::io::stderr(), "{text}");
}

/// Whether colours are wanted where results go.
pub(crate) fn has_colours() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
