//! The reader's path in ARCHITECTURE.md: by links alone from README.md to the line that refuses a stale write. Each stop is a file and
//! a piece of text that stands in it, in backquotes:
//!
//! ```text
//! 1. [README.md](README.md): `cargo run --example hello` is the smallest program.
//! ```

use std::path::Path;

use anyhow::{Context as _, Result};

const PAGE: &str = "ARCHITECTURE.md";
const HEAD: &str = "## Reader's path";

/// Most stops.
const STOPS_MAX: usize = 15;

/// Most lines of all files of the path: an hour.
const LINES_MAX: usize = 3_600;

const FIRST: &str = "README.md";
const LAST: &str = "crates/guildhall-core/src/store/fence.rs";

pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let page = std::fs::read_to_string(root.join(PAGE)).context(PAGE)?;
    Ok(wrong(&page, |file| std::fs::read_to_string(root.join(file)).ok()))
}

/// One stop: where it is written, its file, and what is to be read there.
struct Stop<'a> {
    at: usize,
    file: &'a str,
    text: Option<&'a str>,
}

fn stops(page: &str) -> Option<Vec<Stop<'_>>> {
    let lines = (1..).zip(page.lines());
    let section = lines.skip_while(|(_, line)| *line != HEAD);
    let mut section = section.take_while(|(_, line)| *line == HEAD || !line.starts_with("## "));
    section.next()?;
    let mut stops: Vec<Stop<'_>> = Vec::new();
    for (at, line) in section {
        let numbered = line.split_once(". ").filter(|(n, _)| n.parse::<usize>().is_ok());
        if let Some((_, stop)) = numbered {
            let file = stop.split_once("](").and_then(|(_, rest)| rest.split_once(')'));
            let (file, rest) = file.unwrap_or_default();
            stops.push(Stop { at, file, text: rest.split('`').nth(1) });
        } else if let Some(stop) = stops.last_mut()
            && stop.text.is_none()
        {
            // What is to be read may stand in the line behind.
            stop.text = line.split('`').nth(1);
        }
    }
    Some(stops)
}

fn wrong(page: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let Some(stops) = stops(page) else { return vec![format!("{PAGE}: `{HEAD}` is missing")] };
    let mut wrong = Vec::new();
    let mut lines = 0;
    for Stop { at, file, text } in &stops {
        let Some(content) = read(file) else {
            wrong.push(format!("{PAGE}:{at}: the stop links to no file, but to {file:?}"));
            continue;
        };
        lines += content.lines().count();
        match text {
            Some(text) if content.contains(text) => {}
            Some(text) => wrong.push(format!("{PAGE}:{at}: {file} does not contain `{text}`")),
            None => wrong.push(format!("{PAGE}:{at}: say in backquotes what to read in {file}")),
        }
    }
    let ends = (stops.first().map(|stop| stop.file), stops.last().map(|stop| stop.file));
    if ends != (Some(FIRST), Some(LAST)) {
        wrong.push(format!("{PAGE}: the reader's path leads from {FIRST} to {LAST}"));
    }
    if stops.len() > STOPS_MAX || lines > LINES_MAX {
        let have = stops.len();
        let most = format!("at most {STOPS_MAX} of {LINES_MAX}");
        wrong.push(format!("{PAGE}: the reader's path has {have} stops of {lines} lines; {most}"));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::{HEAD, LINES_MAX, wrong};

    fn read(file: &str) -> Option<String> {
        match file {
            "README.md" => Some("hello\n".into()),
            "long.rs" => Some("fn f() {}\n".repeat(LINES_MAX)),
            super::LAST => Some("if stale { refuse }\n".into()),
            _ => None,
        }
    }

    fn path(stops: &[&str]) -> Vec<String> {
        let stops = (1..).zip(stops).map(|(n, stop)| format!("{n}. {stop}\n"));
        let page =
            format!("# A\n\n{HEAD}\n\n{}\n## Map\n\n1. not a stop\n", stops.collect::<String>());
        wrong(&page, read)
    }

    const FIRST: &str = "[README](README.md): `hello`";
    const LAST: &str = "[fence.rs](crates/guildhall-core/src/store/fence.rs):\n   `if stale` is it";

    #[test]
    fn a_path_whose_stops_are_there_is_right() {
        assert!(path(&[FIRST, LAST]).is_empty());
    }

    #[test]
    fn a_stop_that_names_no_file_or_text_that_is_not_there_is_named() {
        let gone = path(&[FIRST, "[gone](gone.rs): `x`", LAST]);
        assert_eq!(gone, ["ARCHITECTURE.md:6: the stop links to no file, but to \"gone.rs\""]);
        let other = path(&["[README](README.md): `bye`", LAST]);
        assert_eq!(other, ["ARCHITECTURE.md:5: README.md does not contain `bye`"]);
        assert_eq!(path(&["[README](README.md) says it", LAST]).len(), 1);
    }

    #[test]
    fn a_path_that_is_too_long_or_ends_elsewhere_is_wrong() {
        assert_eq!(path(&[FIRST; 16]).len(), 2);
        assert_eq!(path(&[FIRST, "[long](long.rs): `fn f`", LAST]).len(), 1);
        assert_eq!(path(&[LAST, FIRST]).len(), 1);
    }
    #[test]
    fn a_page_without_the_path_is_wrong() {
        assert_eq!(wrong("# A\n", read).len(), 1);
    }
}
