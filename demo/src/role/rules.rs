//! Valid names and texts.

use unicode_normalization::UnicodeNormalization as _;
use unicode_security::{RestrictionLevel, RestrictionLevelDetection as _, skeleton};

use crate::proto::role::RoleError;

/// Characters of a name.
pub const NAME_MAX: usize = 24;

/// Characters of a text.
pub const TEXT_MAX: usize = 200;

/// The name as a role bears it: in Unicode's form NFKC, so that what looks the same is the same.
///
/// Its letters are of one script, or of those that Japanese, Korean and Chinese write beside Latin, and all of them are visible
/// (UTS 39, "highly restrictive").
///
/// # Errors
/// What is wrong with it.
pub fn as_name(name: &str) -> Result<String, RoleError> {
    // Before any work: one character can become eighteen, and hardly any becomes less.
    if name.chars().count() > 4 * NAME_MAX {
        return Err(RoleError::LongName);
    }
    let name: String = name.nfkc().collect();
    if is_blank(&name) {
        return Err(RoleError::EmptyName);
    }
    if name.chars().count() > NAME_MAX {
        return Err(RoleError::LongName);
    }
    // Single separators, and only between words: names that look alike are alike.
    const SEPARATORS: [char; 3] = [' ', '-', '_'];
    let is_word = |word: &str| !word.is_empty() && word.chars().all(char::is_alphanumeric);
    let letters = name.replace(SEPARATORS, "");
    let is_readable = letters.check_restriction_level(RestrictionLevel::HighlyRestrictive);
    match is_readable && name.split(SEPARATORS).all(is_word) {
        true => Ok(name),
        false => Err(RoleError::BadName),
    }
}

/// What two names that count as the same have in common: the case of letters does not matter, nor do letters that look alike.
pub fn name_key(name: &str) -> String {
    let name = name.to_lowercase();
    let alike: String = skeleton(&name).collect();
    alike.to_lowercase().nfkc().collect()
}

/// Whether a player may say this to all others.
///
/// # Errors
/// What is wrong with it.
pub fn check_text(text: &str) -> Result<(), RoleError> {
    // Bytes first: it bounds the work.
    if text.len() > 4 * TEXT_MAX || text.chars().count() > TEXT_MAX {
        return Err(RoleError::LongText);
    }
    if is_blank(text) {
        return Err(RoleError::EmptyText);
    }
    match text.chars().any(|c| c.is_control() || breaks_lines_or_turns_them(c)) {
        true => Err(RoleError::BadText),
        false => Ok(()),
    }
}

/// Whether nothing of it can be seen.
fn is_blank(text: &str) -> bool {
    text.chars().all(|c| {
        c.is_whitespace()
            || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}')
            || matches!(c, '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(c, '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}')
            || matches!(c, '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
    })
}

/// Characters that are no text but orders to whoever shows it: line and paragraph separators, and those of right-to-left writing
/// that embed, override or isolate, by which a line shows something else than it says. The marks that Arabic and Hebrew need stay.
fn breaks_lines_or_turns_them(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests;
