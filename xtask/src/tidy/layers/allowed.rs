//! How much of what is wrong each crate may still have. The numbers can only fall: less than the list says fails, too, until the
//! list says it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};

/// The list; a crate that is not in it has nothing wrong.
pub(super) const LIST: &str = "xtask/layers.txt";

const HEAD: &str = "\
# What crates may still have of what `cargo xtask tidy` refuses. The numbers can only fall; `cargo xtask tidy --fix` lowers them.
# crate | upward imports | files in circles | files too long | files beside the folders | lines of the median over 149
";

pub(super) type Counts = [usize; 5];

/// What each kind of finding is called.
pub(super) const KINDS: [&str; 5] = [
    "upward imports",
    "files in large circles",
    "long files",
    "files beside the folders",
    "lines of the median over 149",
];

pub(super) fn read(root: &Path) -> Result<BTreeMap<String, Counts>> {
    parse(&std::fs::read_to_string(root.join(LIST)).with_context(|| LIST.to_owned())?)
}

fn parse(list: &str) -> Result<BTreeMap<String, Counts>> {
    let lines = list.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let entry = |line: &str| {
        let (name, numbers) = line.split_once(' ')?;
        let numbers: Vec<usize> = numbers.split(' ').map_while(|text| text.parse().ok()).collect();
        Some((name.to_owned(), numbers.try_into().ok()?))
    };
    lines
        .map(|line| {
            entry(line).with_context(|| format!("{LIST}: not a crate with 5 numbers: {line:?}"))
        })
        .collect()
}

/// The list with its numbers lowered to what there is.
pub(super) fn lowered(
    allowed: &BTreeMap<String, Counts>,
    present: &BTreeMap<String, Counts>,
) -> String {
    let lines = allowed.iter().filter_map(|(name, allowed)| {
        let present = present.get(name).copied().unwrap_or_default();
        let counts: Vec<usize> = allowed.iter().zip(present).map(|(a, p)| p.min(*a)).collect();
        let shown: Vec<String> = counts.iter().map(usize::to_string).collect();
        counts.iter().any(|count| *count > 0).then(|| format!("{name} {}\n", shown.join(" ")))
    });
    HEAD.to_owned() + &lines.collect::<String>()
}

pub(super) fn write(root: &Path, list: &str) -> Result<()> {
    std::fs::write(root.join(LIST), list).with_context(|| format!("write {LIST}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{lowered, parse};

    #[test]
    fn the_list_is_lowered_and_never_raised() {
        let allowed = parse("# crate\na 5 0 1 0 9\nb 1 0 0 0 0\n").expect("it parses");
        let present = BTreeMap::from([
            ("a".to_owned(), [3, 0, 2, 0, 4]),
            ("b".to_owned(), [0; 5]),
            ("c".to_owned(), [1; 5]),
        ]);
        let list = lowered(&allowed, &present);
        assert!(list.ends_with("over 149\na 3 0 1 0 4\n"), "{list}");
    }

    #[test]
    fn a_line_without_its_numbers_is_an_error() {
        assert!(parse("a 5 0 1 0\n").is_err());
    }
}
