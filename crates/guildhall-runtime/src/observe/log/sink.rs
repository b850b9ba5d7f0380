//! The writer thread of the log, so that logging never blocks; lines beyond the limit are dropped.

use std::io::Write as _;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use guildhall_core::metrics::Counter;

use super::rolling::Rolling;

/// How long the end of a program waits for its last lines to be written.
const LAST_LINES: Duration = Duration::from_secs(2);
/// How often the writer looks for room for the mark of dropped lines.
const LOOK: Duration = Duration::from_millis(10);

/// Lines on their way to the thread that writes them, which runs as long as the program.
pub(super) struct Sink {
    lines: SyncSender<Item>,
    dropped: Counter,
}

enum Item {
    Line(String),
    /// It is answered when all before it is written.
    Mark(SyncSender<()>),
}

impl Sink {
    /// Writes to the file, or to stderr.
    pub(super) fn start(
        file: Option<Rolling>,
        queue_max: usize,
        dropped: Counter,
    ) -> std::io::Result<Self> {
        let (lines, waiting) = sync_channel(queue_max.max(1));
        let thread = std::thread::Builder::new().name("log".into());
        thread.spawn(move || write(file, &waiting))?;
        Ok(Self { lines, dropped })
    }

    pub(super) fn put(&self, line: String) {
        if self.lines.try_send(Item::Line(line)).is_err() {
            self.dropped.add(1);
        }
    }

    /// Waits until what was put so far is written, but not for ever.
    pub(super) fn flush(&self) {
        let (mark, is_written) = sync_channel(1);
        let mut item = Item::Mark(mark);
        for _ in 0..LAST_LINES.as_millis() / LOOK.as_millis() {
            match self.lines.try_send(item) {
                Ok(()) => {
                    let _too_late = is_written.recv_timeout(LAST_LINES);
                    return;
                }
                Err(TrySendError::Full(back)) => item = back,
                Err(TrySendError::Disconnected(_)) => return,
            }
            let _nothing_comes = is_written.recv_timeout(LOOK);
        }
    }
}

/// Writes what comes. A line that cannot be written is lost: there is nowhere to say so.
fn write(mut file: Option<Rolling>, waiting: &Receiver<Item>) {
    while let Ok(item) = waiting.recv() {
        match (item, &mut file) {
            (Item::Line(line), Some(file)) => {
                let _lost = file.write(line.as_bytes());
            }
            (Item::Line(line), None) => {
                let _lost = std::io::stderr().write_all(line.as_bytes());
            }
            (Item::Mark(mark), _) => {
                let _nobody_waits = mark.try_send(());
            }
        }
    }
}
