//! [`Literals`]: values in the text of a statement.
//!
//! Statements are text, so that several travel in one packet: the server takes no parameters then. All text and bytes are written as
//! hexadecimal digits; so no text can end its literal, whatever the server's settings of escapes and character sets are.

use std::fmt::Write as _;

use guildhall_sql::Params;

/// The values of a statement, which are in its text.
#[derive(Debug, Default)]
pub struct Literals {
    /// A value that the server cannot keep.
    pub(crate) refused: Option<String>,
}

impl Params for Literals {
    fn text(&mut self, text: &str) -> String {
        format!("_utf8mb4 {}", hex(text.as_bytes()))
    }

    fn uint(&mut self, n: u64) -> String {
        n.to_string()
    }

    fn int(&mut self, n: i64) -> String {
        n.to_string()
    }

    fn bool(&mut self, is: bool) -> String {
        if is { "TRUE" } else { "FALSE" }.to_owned()
    }

    fn float(&mut self, n: f64) -> String {
        if !n.is_finite() {
            self.refused = Some(format!("{n} cannot be kept: this server has finite numbers only"));
            return "NULL".to_owned();
        }
        format!("{n:e}")
    }

    fn bytes(&mut self, bytes: &[u8]) -> String {
        hex(bytes)
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2 + 3);
    text.push_str("x'");
    for byte in bytes {
        // A String takes all that is written.
        let _written = write!(text, "{byte:02x}");
    }
    text.push('\'');
    text
}

/// A name in quotes.
pub(crate) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

#[cfg(test)]
mod tests;
