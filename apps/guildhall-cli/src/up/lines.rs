//! The output of processes, each line after the name of its process.

use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::out::{has_colours, print};
use crate::up::board::Name;

/// A longer line is shown in parts.
const LINE_MAX: usize = 8 * 1024;

/// Colours of names, in turn: those that read well on black and on white.
const COLOURS: [u8; 6] = [36, 33, 35, 32, 34, 31];

/// How lines of one process look.
#[derive(Clone, Debug)]
pub(crate) struct Prefix(String);

impl Prefix {
    /// For an instance of the `nth` app; names are padded to `width`.
    pub(crate) fn of(name: &Name, nth: usize, width: usize) -> Self {
        match has_colours() {
            true => Self(format!("\x1b[{}m{name:<width$} |\x1b[0m ", COLOURS[nth % COLOURS.len()])),
            false => Self(format!("{name:<width$} | ")),
        }
    }

    /// For what the supervisor itself says of an instance.
    pub(crate) fn say(&self, text: &str) {
        print(&format!("{}-- {text}", self.0));
    }

    pub(crate) fn line(&self, line: &str) {
        print(&format!("{}{line}", self.0));
    }
}

/// Lines of a stream.
#[derive(Debug)]
pub(crate) struct Lines<S> {
    stream: Option<S>,
    read: Vec<u8>,
}

impl<S: AsyncRead + Unpin> Lines<S> {
    pub(crate) fn new(stream: Option<S>) -> Self {
        Self { stream, read: Vec::new() }
    }

    /// The next line without its end; waits for ever when there are no more.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub(crate) async fn next(&mut self) -> String {
        match self.next_or_end().await {
            Some(line) => line,
            None => std::future::pending().await,
        }
    }

    /// The next line without its end; `None` when there are no more.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub(crate) async fn next_or_end(&mut self) -> Option<String> {
        loop {
            let end = self.read.iter().position(|byte| *byte == b'\n');
            if let Some(end) = end.or_else(|| (self.read.len() >= LINE_MAX).then_some(LINE_MAX)) {
                let rest = self.read.split_off(end);
                let line = std::mem::replace(&mut self.read, rest);
                if self.read.first() == Some(&b'\n') {
                    self.read.remove(0);
                }
                return Some(text(&line));
            }
            let stream = self.stream.as_mut()?;
            let mut chunk = [0; 4096];
            match stream.read(&mut chunk).await {
                Ok(n) if n > 0 => self.read.extend_from_slice(&chunk[..n]),
                Ok(_) | Err(_) => {
                    self.stream = None;
                    let last = std::mem::take(&mut self.read);
                    return (!last.is_empty()).then(|| text(&last));
                }
            }
        }
    }
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line).trim_end_matches('\r').to_owned()
}
