//! [`Pool`]: what is used again, so that a turn allocates nothing.

use crossbeam_utils::atomic::AtomicCell;
use parking_lot::Mutex;

/// How many are kept.
const KEPT: usize = 64;

/// Things without a use. Nearly always one is enough, which costs no lock.
pub(crate) struct Pool<T> {
    first: AtomicCell<Option<Box<T>>>,
    more: Mutex<Vec<Box<T>>>,
}

impl<T> Pool<T> {
    pub(crate) fn take(&self) -> Option<Box<T>> {
        self.first.take().or_else(|| self.more.lock().pop())
    }

    pub(crate) fn put(&self, thing: Box<T>) {
        if let Some(before) = self.first.swap(Some(thing)) {
            let mut more = self.more.lock();
            if more.len() < KEPT {
                more.push(before);
            }
        }
    }

    pub(crate) fn clear(&self) {
        let first = self.first.take();
        let more = std::mem::take(&mut *self.more.lock());
        drop((first, more));
    }
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self { first: AtomicCell::new(None), more: Mutex::default() }
    }
}
