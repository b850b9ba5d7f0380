//! [`Tasks`]: tasks that end with what they serve.

use tokio::task::JoinHandle;

/// Ends its tasks when it is dropped.
#[derive(Default)]
pub(crate) struct Tasks(Vec<JoinHandle<Option<()>>>);

impl Tasks {
    pub(crate) fn add(&mut self, task: JoinHandle<Option<()>>) {
        self.0.push(task);
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}
