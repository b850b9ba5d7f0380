//! Checks error enums: every reason of a game has one meaning.

use super::report::Report;
use crate::program::ErrorEnum;

/// Smaller reasons are the framework's.
const BASE_MIN: u32 = 1000;

pub(super) fn bases(errors: &[ErrorEnum], report: &mut Report<'_>) {
    let mut taken: Vec<(u32, u32, &ErrorEnum)> = Vec::new();
    for error in errors {
        let (desc, name, base) = (&error.desc, error.desc.name(), error.base);
        if base < BASE_MIN {
            let has = if base == 0 { "has no base".to_owned() } else { format!("has base {base}") };
            report.at(desc, format!("error enum `{name}` {has}; add one of {BASE_MIN} or more"));
            continue;
        }
        let numbers = desc.values().map(|value| u32::try_from(value.number()));
        let Ok(numbers) = numbers.collect::<Result<Vec<_>, _>>() else {
            report.at(desc, format!("error enum `{name}` has a negative value; use 0 and up"));
            continue;
        };
        let Some(last) = base.checked_add(numbers.into_iter().max().unwrap_or(0)) else {
            report.at(desc, format!("error enum `{name}` with base {base} exceeds 32 bits"));
            continue;
        };
        let overlap = taken.iter().find(|(first, end, _)| base <= *end && *first <= last);
        if let Some((first, end, other)) = overlap {
            report.at(
                desc,
                format!(
                    "error enum `{name}` has reasons {base} to {last}, and `{}` has {first} to {end}; choose a base beyond",
                    other.desc.name()
                ),
            );
        }
        taken.push((base, last, error));
    }
}
