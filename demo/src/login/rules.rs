//! Valid account names and passwords.

use std::ops::RangeInclusive;

use crate::proto::login::AccountError;

const ACCOUNT_LEN: RangeInclusive<usize> = 3..=32;
const PASSWORD_CHARS: RangeInclusive<usize> = 8..=128;

pub(super) fn check_account(account: &str) -> Result<(), AccountError> {
    let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'-' | b'_');
    match ACCOUNT_LEN.contains(&account.len()) && account.bytes().all(fits) {
        true => Ok(()),
        false => Err(AccountError::BadAccount),
    }
}

pub(super) fn check_password(password: &str) -> Result<(), AccountError> {
    let count = password.chars().count();
    match PASSWORD_CHARS.contains(&count) && !password.chars().any(char::is_control) {
        true => Ok(()),
        false => Err(AccountError::BadPassword),
    }
}
