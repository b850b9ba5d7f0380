//! What a name and a text may be.

use crate::proto::role::RoleError;

/// Characters of a name.
pub const NAME_MAX: usize = 24;

/// Characters of a text.
pub const TEXT_MAX: usize = 200;

/// Whether a role may bear this name.
///
/// # Errors
/// What is wrong with it.
pub fn check_name(name: &str) -> Result<(), RoleError> {
    if name.trim().is_empty() {
        return Err(RoleError::EmptyName);
    }
    if name.chars().count() > NAME_MAX {
        return Err(RoleError::LongName);
    }
    // Single separators, and only between words: names that look alike are alike.
    let is_word = |word: &str| !word.is_empty() && word.chars().all(char::is_alphanumeric);
    match name.split([' ', '-', '_']).all(is_word) {
        true => Ok(()),
        false => Err(RoleError::BadName),
    }
}

/// What two names that count as the same have in common.
pub fn name_key(name: &str) -> String {
    name.to_lowercase()
}

/// Whether a player may say this to all others.
///
/// # Errors
/// What is wrong with it.
pub fn check_text(text: &str) -> Result<(), RoleError> {
    if text.trim().is_empty() {
        return Err(RoleError::EmptyText);
    }
    if text.chars().count() > TEXT_MAX {
        return Err(RoleError::LongText);
    }
    match text.chars().any(char::is_control) {
        true => Err(RoleError::BadText),
        false => Ok(()),
    }
}
