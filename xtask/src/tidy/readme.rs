//! Code in README.md is the code of the file it says it is from.

use std::path::Path;

use anyhow::{Context as _, Result};

pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let (shown, wanted) = pages(root)?;
    Ok(match shown == wanted {
        true => Vec::new(),
        false => {
            let line = shown.lines().zip(wanted.lines()).take_while(|(a, b)| a == b).count() + 1;
            let mend = "run `cargo xtask tidy --fix`";
            vec![format!("README.md:{line}: differs from the file that it shows; {mend}")]
        }
    })
}

/// Writes what `check` wants.
pub(super) fn fix(root: &Path) -> Result<()> {
    let (shown, wanted) = pages(root)?;
    if shown != wanted {
        std::fs::write(root.join("README.md"), wanted).context("write README.md")?;
    }
    Ok(())
}

/// README.md as it is, and with each block behind `<!-- from: file#region -->` replaced by what stands there.
fn pages(root: &Path) -> Result<(String, String)> {
    let readme = std::fs::read_to_string(root.join("README.md")).context("README.md")?;
    let mut blocks = readme.split("<!-- from: ");
    let mut wanted = blocks.next().unwrap_or_default().to_owned();
    for block in blocks {
        let (from, rest) =
            block.split_once(" -->").context("README.md: `<!-- from:` without end")?;
        let (path, region) = from.split_once('#').unwrap_or((from, ""));
        let file = std::fs::read_to_string(root.join(path)).with_context(|| path.to_owned())?;
        let mut parts = rest.splitn(3, "```");
        let (before, code, after) = (parts.next(), parts.next(), parts.next());
        let (Some(before), Some(code), Some(after)) = (before, code, after) else {
            anyhow::bail!("README.md: there is no block of code behind `<!-- from: {from} -->`");
        };
        let language = code.lines().next().unwrap_or_default();
        let code = cut(&file, region);
        let code = code.trim_end();
        wanted += &format!("<!-- from: {from} -->{before}```{language}\n{code}\n```{after}");
    }
    Ok((readme, wanted))
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
