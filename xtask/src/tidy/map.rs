//! The map in ARCHITECTURE.md: a row for each crate, with the folders of its source in the order of their layers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

const PAGE: &str = "ARCHITECTURE.md";

pub(super) fn check(root: &Path, files: &[PathBuf]) -> Result<Vec<String>> {
    let page = std::fs::read_to_string(root.join(PAGE)).context(PAGE)?;
    let exists = |place: &str| root.join(place).exists();
    Ok(wrong(&page, &crates(root, files)?, exists))
}

/// Writes the folders of each row.
pub(super) fn fix(root: &Path, files: &[PathBuf]) -> Result<()> {
    let path = root.join(PAGE);
    let page = std::fs::read_to_string(&path).context(PAGE)?;
    std::fs::write(&path, mended(&page, &crates(root, files)?)).context(PAGE)
}

/// The crates by their folders, each with the folders of its source as the map shows them.
fn crates(root: &Path, files: &[PathBuf]) -> Result<BTreeMap<String, String>> {
    let mut crates = BTreeMap::new();
    for manifest in files.iter().filter(|file| file.ends_with("Cargo.toml")) {
        let folder = manifest.parent().unwrap_or(Path::new(""));
        let source = folder.join("src");
        let first = ["lib.rs", "main.rs"].map(|name| root.join(&source).join(name));
        let Some(first) = first.iter().find(|first| first.exists()) else { continue };
        let first = std::fs::read_to_string(first)?;
        let inside = files.iter().filter_map(|file| file.strip_prefix(&source).ok());
        // Beside the tests of a file.
        let folders = inside.filter(|file| file.iter().count() > 1 && !file.ends_with("tests.rs"));
        let folders = folders.filter_map(|file| file.iter().next()?.to_str());
        let folders: BTreeSet<&str> = folders.filter(|folder| *folder != "generated").collect();
        crates.insert(folder.to_string_lossy().into_owned(), in_order(&first, folders));
    }
    Ok(crates)
}

/// Folders in the order of the `mod` lines, each in backquotes.
fn in_order(first: &str, folders: BTreeSet<&str>) -> String {
    let declared = |folder: &str| first.lines().position(|line| declares(line, folder));
    let mut folders: Vec<&str> = folders.into_iter().collect();
    folders.sort_by_key(|folder| declared(folder).unwrap_or(usize::MAX));
    folders.iter().map(|folder| format!("`{folder}`")).collect::<Vec<_>>().join(" ")
}

fn declares(line: &str, name: &str) -> bool {
    line.rsplit_once("mod ").is_some_and(|(_, rest)| rest == format!("{name};"))
}

/// A row of the map: what is in its cells.
struct Row<'a> {
    place: &'a str,
    about: &'a str,
    folders: &'a str,
}

fn row(line: &str) -> Option<Row<'_>> {
    let mut cells = line.strip_prefix("| `")?.strip_suffix('|')?.splitn(3, " |");
    let place = cells.next()?.strip_suffix('`')?;
    Some(Row { place, about: cells.next()?.trim(), folders: cells.next().unwrap_or("").trim() })
}

/// The lines of the map with their numbers.
fn map(page: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = (1..).zip(page.lines());
    let map = lines.skip_while(|(_, line)| *line != "## Map").skip(1);
    map.take_while(|(_, line)| !line.starts_with("## "))
}

fn wrong(
    page: &str,
    crates: &BTreeMap<String, String>,
    exists: impl Fn(&str) -> bool,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut listed = BTreeSet::new();
    for (at, line) in map(page) {
        let Some(Row { place, folders, .. }) = row(line) else { continue };
        listed.insert(place);
        let present = crates.get(place).map_or("", String::as_str);
        if !exists(place) {
            wrong.push(format!("{PAGE}:{at}: there is no {place}"));
        } else if folders != present {
            let mend = "run `cargo xtask tidy --fix`";
            wrong.push(format!("{PAGE}:{at}: the folders of {place} are {present}; {mend}"));
        }
    }
    let missing = crates.keys().filter(|name| !listed.contains(name.as_str()));
    wrong.extend(missing.map(|name| format!("{PAGE}: the map has no row for {name}")));
    wrong
}

fn mended(page: &str, crates: &BTreeMap<String, String>) -> String {
    let map: BTreeSet<usize> = map(page).map(|(at, _)| at).collect();
    let lines = (1..).zip(page.lines()).map(|(at, line)| match row(line) {
        Some(Row { place, about, .. }) if map.contains(&at) => {
            let folders = crates.get(place).map_or("", String::as_str);
            let gap = if folders.is_empty() { "" } else { " " };
            format!("| `{place}` | {about} | {folders}{gap}|\n")
        }
        _ => format!("{line}\n"),
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::{in_order, mended, wrong};

    const PAGE: &str = "# A\n\n## Map\n\n| where | what | folders |\n|---|---|---|\n\
        | `a` | one | `x` |\n| `a/src/x` | a part | |\n\n## Rest\n\n| `a` | other |\n";

    fn crates(all: &[(&str, &str)]) -> BTreeMap<String, String> {
        all.iter().map(|(name, folders)| ((*name).into(), (*folders).into())).collect()
    }

    #[test]
    fn a_crate_that_the_map_lacks_is_named_and_so_is_a_place_that_is_gone() {
        assert!(wrong(PAGE, &crates(&[("a", "`x`")]), |_| true).is_empty());
        let missing = wrong(PAGE, &crates(&[("a", "`x`"), ("b", "")]), |_| true);
        assert_eq!(missing, ["ARCHITECTURE.md: the map has no row for b"]);
        let gone = wrong(PAGE, &crates(&[("a", "`x`")]), |place| place == "a");
        assert_eq!(gone, ["ARCHITECTURE.md:8: there is no a/src/x"]);
    }

    #[test]
    fn a_row_whose_folders_are_others_is_wrong_until_it_is_mended() {
        let crates = crates(&[("a", "`x` `y`")]);
        assert_eq!(wrong(PAGE, &crates, |_| true).len(), 1);
        let mended = mended(PAGE, &crates);
        assert!(wrong(&mended, &crates, |_| true).is_empty());
        assert_eq!(mended.replace(" `y`", ""), PAGE);
    }

    #[test]
    fn folders_stand_in_the_order_of_their_layers() {
        let first = "mod b;\npub mod a;\nmod other;";
        assert_eq!(in_order(first, BTreeSet::from(["a", "b"])), "`b` `a`");
    }
}
