//! Progress of the bots on stderr: a bar for people, two lines for files.

#![allow(clippy::print_stderr, reason = "a command that reports")]

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};

pub(super) struct Progress {
    what: &'static str,
    bar: ProgressBar,
    is_plain: bool,
}

impl Progress {
    pub(super) fn new(what: &'static str, all: u64) -> Self {
        let is_plain = !std::io::stderr().is_terminal();
        let bar = if is_plain { ProgressBar::hidden() } else { ProgressBar::new(all) };
        let style = ProgressStyle::with_template("{msg:<10} {wide_bar} {pos}/{len}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_length(all);
        bar.set_message(what);
        if is_plain {
            eprintln!("{what}: {all} ..");
        }
        Self { what, bar, is_plain }
    }

    pub(super) fn add(&self, n: u64) {
        self.bar.inc(n);
    }

    pub(super) fn end(&self) {
        self.bar.finish();
        if self.is_plain {
            eprintln!("{}: {} done", self.what, self.bar.position());
        }
    }
}
