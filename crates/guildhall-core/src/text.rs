//! Reads text files as editors write them.

use std::io;
use std::path::Path;

/// Reads a UTF-8 file. A byte order mark at its beginning, which some editors write, is not part of the text.
///
/// # Errors
/// It cannot be read, or is not UTF-8.
pub fn read_text(path: impl AsRef<Path>) -> io::Result<String> {
    let text = std::fs::read_to_string(path)?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}
