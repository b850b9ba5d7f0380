//! [`BotsLog`]: what the bots report on stderr, in a file of bounded size; the first things that were wrong are printed.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::task::JoinHandle;

/// Largest log, in bytes; later lines are read and dropped.
const BYTES_MAX: usize = 8 << 20;

/// Lines about what was wrong that are printed at the end.
const SHOWN_MAX: usize = 10;

/// How the bots begin such a line.
const WRONG: &str = "wrong: ";

/// The log of bots that play.
pub(crate) struct BotsLog {
    path: PathBuf,
    written: JoinHandle<Result<Vec<String>>>,
}

impl BotsLog {
    /// Writes the lines of `stderr` to `bots.log` in `folder`, until it ends.
    pub(crate) fn begin(
        folder: &Path,
        stderr: impl AsyncRead + Send + Unpin + 'static,
    ) -> Result<Self> {
        let path = folder.join("bots.log");
        let log = File::create(&path).context("make bots.log")?;
        Ok(Self { path, written: tokio::spawn(write(log, stderr)) })
    }

    /// Waits for the end of the bots, and prints the first lines about what was wrong.
    pub(crate) async fn end(self) -> Result<()> {
        let wrong = self.written.await.context("write bots.log")??;
        wrong.iter().for_each(|line| eprintln!("{line}"));
        if !wrong.is_empty() {
            eprintln!("more in {}", self.path.display());
        }
        Ok(())
    }
}

/// Returns the first lines about what was wrong.
async fn write(mut log: File, stderr: impl AsyncRead + Unpin) -> Result<Vec<String>> {
    let (mut lines, mut bytes, mut wrong) = (BufReader::new(stderr).lines(), 0, Vec::new());
    while let Some(mut line) = lines.next_line().await.context("read the bots' stderr")? {
        if line.starts_with(WRONG) && wrong.len() < SHOWN_MAX {
            wrong.push(line.clone());
        }
        line.push('\n');
        bytes += line.len();
        if bytes <= BYTES_MAX {
            log.write_all(line.as_bytes()).context("write bots.log")?;
        }
    }
    Ok(wrong)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::{BYTES_MAX, BotsLog, SHOWN_MAX, write};

    #[tokio::test]
    async fn the_log_has_all_lines_up_to_its_bound_and_the_first_wrong_ones_are_shown() {
        let folder = tempfile::tempdir().expect("a folder");
        let said = "bots: 3 ..\n".to_owned() + &"wrong: a club\n".repeat(SHOWN_MAX + 5);
        let log = BotsLog::begin(folder.path(), Cursor::new(said.clone())).expect("a log");
        let path = log.path.clone();
        let wrong = log.written.await.expect("it ends").expect("it is written");
        assert_eq!(wrong, vec!["wrong: a club"; SHOWN_MAX]);
        assert_eq!(std::fs::read_to_string(&path).expect("it is there"), said);
        let much = Cursor::new("x".repeat(999) + "\n").into_inner().repeat(BYTES_MAX / 1000 + 9);
        let file = std::fs::File::create(&path).expect("a file");
        write(file, Cursor::new(much)).await.expect("it is written");
        let size = std::fs::metadata(&path).expect("it is there").len();
        assert!(size <= BYTES_MAX as u64 && size > BYTES_MAX as u64 - 1000, "{size}");
    }
}
