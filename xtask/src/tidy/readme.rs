//! Code in README.md is the code of the file it says it is from.

use std::path::Path;

use anyhow::{Context as _, Result};

pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let readme = std::fs::read_to_string(root.join("README.md")).context("README.md")?;
    let mut wrong = Vec::new();
    for block in readme.split("<!-- from: ").skip(1) {
        let (from, rest) =
            block.split_once(" -->").context("README.md: `<!-- from:` without end")?;
        let (path, region) = from.split_once('#').unwrap_or((from, ""));
        let file = std::fs::read_to_string(root.join(path)).with_context(|| path.to_owned())?;
        let shown = rest.split("```").nth(1).and_then(|code| code.split_once('\n'));
        let shown = shown.map_or("", |(_, code)| code);
        if shown.trim_end() != cut(&file, region).trim_end() {
            wrong.push(format!("README.md: the code from {from} differs from the file"));
        }
    }
    Ok(wrong)
}

/// The whole file, or the lines between `ANCHOR: region` and `ANCHOR_END: region`.
fn cut(file: &str, region: &str) -> String {
    if region.is_empty() {
        return file.to_owned();
    }
    let (begin, end) = (format!("ANCHOR: {region}"), format!("ANCHOR_END: {region}"));
    let inside = file.lines().skip_while(|line| !line.ends_with(&begin)).skip(1);
    inside.take_while(|line| !line.ends_with(&end)).map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_region_is_what_is_between_its_anchors() {
        let file = "a\n// ANCHOR: x\nb\n// ANCHOR_END: x\nc\n";
        assert_eq!(super::cut(file, "x"), "b\n");
    }
}
