//! Text from outside, cut and escaped for logs and errors.

use std::fmt::{self, Write as _};

/// Characters of a text from outside that are shown.
pub const SHOWN_MAX: usize = 64;

/// Shows text that comes from outside, a client's or another app's: at most [`SHOWN_MAX`] characters of it, and those that cannot
/// be printed as escapes. What is longer ends with `…` and says how long it is.
///
/// ```
/// use guildhall_wire::outside::outside;
/// assert_eq!(outside("bob").to_string(), "bob");
/// assert_eq!(outside("a\nb").to_string(), "a\\nb");
/// assert!(outside(&"x".repeat(65_000)).to_string().ends_with("x… (65000 bytes)"));
/// ```
pub fn outside(text: &str) -> Outside<'_> {
    Outside(text)
}

/// See [`outside`].
#[derive(Clone, Copy)]
pub struct Outside<'a>(&'a str);

impl fmt::Display for Outside<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut chars = self.0.chars();
        for c in chars.by_ref().take(SHOWN_MAX) {
            match c {
                '\'' | '"' => f.write_char(c)?,
                c => write!(f, "{}", c.escape_debug())?,
            }
        }
        if chars.next().is_some() {
            write!(f, "… ({} bytes)", self.0.len())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Outside<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::{SHOWN_MAX, outside};

    #[test]
    fn what_is_long_is_cut_and_says_how_long_it_is() {
        let fits = "é".repeat(SHOWN_MAX);
        assert_eq!(outside(&fits).to_string(), fits);
        let long = format!("{fits}é");
        assert_eq!(outside(&long).to_string(), format!("{fits}… (130 bytes)"));
    }

    #[test]
    fn what_cannot_be_printed_is_escaped() {
        assert_eq!(outside("a\r\nINFO b").to_string(), "a\\r\\nINFO b");
        assert_eq!(outside("\u{1b}[31m\u{202e}").to_string(), "\\u{1b}[31m\\u{202e}");
        assert_eq!(outside("O'Brien \"x\"").to_string(), "O'Brien \"x\"");
        assert_eq!(outside("").to_string(), "");
    }
}
