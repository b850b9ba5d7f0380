//! The state of an INTERLEAVED service, which its calls access between their awaits.

use parking_lot::Mutex;

/// The state of an INTERLEAVED service.
///
/// All its calls are polled by one task, so nothing else touches the state inside [`Interleaved::with`]; other calls may have changed
/// it after any await.
#[derive(Debug, Default)]
pub struct Interleaved<S>(Mutex<S>);

impl<S> Interleaved<S> {
    /// Takes the state as it is at the start.
    pub fn new(state: S) -> Self {
        Self(Mutex::new(state))
    }

    /// Lends the state to `f`, a plain closure: what it borrows cannot live across an await.
    ///
    /// # Panics
    /// When `f` calls `with` itself, which would borrow the state twice. A panic of `f` fails its call; the state stays as it
    /// was left.
    pub fn with<R>(&self, f: impl FnOnce(&mut S) -> R) -> R {
        match self.0.try_lock() {
            Some(mut state) => f(&mut state),
            None => {
                panic!("Interleaved::with inside Interleaved::with: the state is borrowed already")
            }
        }
    }
}
