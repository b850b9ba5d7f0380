//! `docs/semantics.md` lists every reason of the framework.

use std::path::Path;

use anyhow::{Context as _, Result};

const CODE: &str = "crates/guildhall-core/src/status/reason.rs";
const PAGE: &str = "docs/semantics.md";

pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let read = |file: &str| std::fs::read_to_string(root.join(file)).context(file.to_owned());
    Ok(missing(&read(CODE)?, &read(PAGE)?))
}

fn missing(code: &str, page: &str) -> Vec<String> {
    let constants = code.lines().filter_map(|line| {
        let (name, number) = line.trim().strip_suffix(';')?.split_once(" = ")?;
        number.bytes().all(|byte| byte.is_ascii_digit()).then_some((name, number))
    });
    constants
        .filter(|(_, number)| *number != "0")
        .filter(|(name, number)| !page.contains(&format!("| {number} | {name} | ")))
        .map(|(name, number)| format!("{PAGE}: the reason {name} ({number}) is not listed"))
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_reason_that_the_page_does_not_list_is_named() {
        let code = "    NONE = 0;\n    LOST = 2;\n    /// Another.\n    MOVED = 4;\n";
        let wrong = super::missing(code, "| 2 | LOST | the connection was lost |\n");
        assert_eq!(wrong, ["docs/semantics.md: the reason MOVED (4) is not listed"]);
    }
}
