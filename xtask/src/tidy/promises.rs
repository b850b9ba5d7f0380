//! Each promise of `docs/promises.md` names its test, and the test is there; so are the tests that `docs/guarantees.md` names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;

pub(super) fn check(root: &Path, files: &[PathBuf]) -> Result<Vec<String>> {
    let Ok(page) = std::fs::read_to_string(root.join("docs/promises.md")) else {
        return Ok(vec!["docs/promises.md is missing".into()]);
    };
    let mut functions = BTreeSet::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "rs")) {
        let text = std::fs::read_to_string(root.join(file))?;
        functions.extend(text.split("fn ").skip(1).filter_map(|rest| {
            let name: String =
                rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            (!name.is_empty()).then_some(name)
        }));
    }
    let mut wrong = missing(&page, &functions);
    match std::fs::read_to_string(root.join("docs/guarantees.md")) {
        Ok(page) => wrong.extend(unknown(&page, &functions)),
        Err(_) => wrong.push("docs/guarantees.md is missing".into()),
    }
    Ok(wrong)
}

/// Names that are sentences, as those of tests are, and are nowhere.
fn unknown(page: &str, functions: &BTreeSet<String>) -> Vec<String> {
    let is_word = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let is_test = |name: &&str| is_word(name) && name.matches('_').count() >= 3;
    let names = |line| str::split(line, '`').skip(1).step_by(2).filter(is_test);
    let lines = (1..).zip(page.lines());
    let names = lines.flat_map(|(at, line)| names(line).map(move |name| (at, name)));
    let gone = names.filter(|(_, name)| !functions.contains(*name));
    gone.map(|(at, name)| format!("docs/guarantees.md:{at}: no test `{name}`")).collect()
}

/// Rows `| promise | `test` |` whose test is nowhere.
fn missing(page: &str, functions: &BTreeSet<String>) -> Vec<String> {
    let rows = page.lines().enumerate().filter(|(_, line)| line.starts_with("| "));
    // The first two rows are the head of the table.
    rows.filter(|(_, line)| !line.contains("---") && !line.contains("| test |"))
        .flat_map(|(at, line)| {
            let tests = line.rsplit('|').nth(1).unwrap_or_default();
            let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
            if names.is_empty() {
                return vec![format!("docs/promises.md:{}: a promise without a test", at + 1)];
            }
            let gone = names.into_iter().filter(|name| !functions.contains(*name));
            gone.map(|name| format!("docs/promises.md:{}: no test `{name}`", at + 1)).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{missing, unknown};

    #[test]
    fn a_promise_whose_test_is_not_there_is_named() {
        let functions = BTreeSet::from(["is_there".to_owned()]);
        let page =
            "| promise | test |\n|---|---|\n| a | `is_there` |\n| b | `is_gone` |\n| c | |\n";
        let wrong = missing(page, &functions);
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        assert!(wrong[0].contains("is_gone"));
    }
    #[test]
    fn a_test_that_a_page_names_and_that_is_not_there_is_named() {
        let functions = BTreeSet::from(["it_is_still_there".to_owned()]);
        let page = "`it_is_still_there`, `not_a_test`\n`it_is_gone_now` and `link.a_b_c_d`\n";
        assert_eq!(unknown(page, &functions), ["docs/guarantees.md:2: no test `it_is_gone_now`"]);
    }
}
