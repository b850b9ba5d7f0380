//! Code blocks in pages equal the files that they name, and README.zh.md has the code blocks of README.md.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

const README: &str = "README.md";
const TRANSLATED: &str = "README.zh.md";

pub(super) fn check(root: &Path, files: &[PathBuf]) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for page in pages(files) {
        let (shown, wanted) = with_code(root, page)?;
        if shown != wanted {
            let line = shown.lines().zip(wanted.lines()).take_while(|(a, b)| a == b).count() + 1;
            let mend = "run `cargo xtask tidy --fix`";
            wrong.push(format!("{page}:{line}: differs from the file that it shows; {mend}"));
        }
    }
    let read = |page: &str| std::fs::read_to_string(root.join(page)).context(page.to_owned());
    let (readme, translated) = (read(README)?, read(TRANSLATED)?);
    if blocks(&readme) != blocks(&translated) {
        wrong.push(format!("{TRANSLATED}: its blocks of code are not those of {README}"));
    }
    Ok(wrong)
}

/// Writes what `check` wants of the code.
pub(super) fn fix(root: &Path, files: &[PathBuf]) -> Result<()> {
    for page in pages(files) {
        let (shown, wanted) = with_code(root, page)?;
        if shown != wanted {
            std::fs::write(root.join(page), wanted).with_context(|| format!("write {page}"))?;
        }
    }
    Ok(())
}

fn pages(files: &[PathBuf]) -> impl Iterator<Item = &str> {
    files.iter().filter_map(|file| file.to_str()).filter(|file| file.ends_with(".md"))
}

/// A page as it is, and with each block behind `<!-- from: file#region -->` replaced by what stands there.
fn with_code(root: &Path, page: &str) -> Result<(String, String)> {
    let shown = std::fs::read_to_string(root.join(page)).with_context(|| page.to_owned())?;
    let mut blocks = shown.split("<!-- from: ");
    let mut wanted = blocks.next().unwrap_or_default().to_owned();
    for block in blocks {
        let (from, rest) = block
            .split_once(" -->")
            .with_context(|| format!("{page}: `<!-- from:` without end"))?;
        let (path, region) = from.split_once('#').unwrap_or((from, ""));
        let file = std::fs::read_to_string(root.join(path)).with_context(|| path.to_owned())?;
        let mut parts = rest.splitn(3, "```");
        let (before, code, after) = (parts.next(), parts.next(), parts.next());
        let (Some(before), Some(code), Some(after)) = (before, code, after) else {
            anyhow::bail!("{page}: there is no block of code behind `<!-- from: {from} -->`");
        };
        let language = code.lines().next().unwrap_or_default();
        let code = cut(&file, region);
        let code = code.trim_end();
        wanted += &format!("<!-- from: {from} -->{before}```{language}\n{code}\n```{after}");
    }
    Ok((shown, wanted))
}

/// The blocks of code of a page.
fn blocks(page: &str) -> Vec<&str> {
    page.split("```").skip(1).step_by(2).collect()
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

    #[test]
    fn a_page_has_the_blocks_between_its_fences() {
        assert_eq!(super::blocks("a\n```text\nb\n```\nc\n```\nd\n```\n"), ["text\nb\n", "\nd\n"]);
    }
}
