//! [`LeaseBackend`]: the lease backend of a cluster, which can be restarted from its stored state.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use guildhall_core::leases::memory::{KeptLeases, LeaseChanges, LeaseFile, MemoryLeases};
use guildhall_core::leases::{LeaseError, LeaseErrorKind};
use guildhall_core::{BoxFuture, Env};
use parking_lot::{Mutex, RwLock};

/// Leases, and the disk that they are stored on.
pub(super) struct LeaseBackend {
    env: Env,
    disk: Arc<Disk>,
    present: Arc<RwLock<MemoryLeases>>,
}

/// What is kept.
#[derive(Default)]
struct Disk {
    kept: Mutex<KeptLeases>,
    recorded: Mutex<BTreeMap<String, u64>>,
    is_full: AtomicBool,
    /// Holders and sessions are not kept, as if a backend did not care.
    forgets: AtomicBool,
}

impl LeaseBackend {
    pub(super) fn new(env: Env) -> Self {
        let disk: Arc<Disk> = Arc::default();
        let present = Arc::new(RwLock::new(begin(&env, &disk)));
        Self { env, disk, present }
    }

    /// Ends it, as SIGKILL does, and begins it anew.
    pub(super) fn restart(&self) {
        *self.present.write() = begin(&self.env, &self.disk);
    }

    /// The present leases: others after a restart.
    pub(super) fn present(&self) -> Arc<RwLock<MemoryLeases>> {
        Arc::clone(&self.present)
    }

    pub(super) fn set_full(&self, is_full: bool) {
        self.disk.is_full.store(is_full, Ordering::Relaxed);
    }

    pub(super) fn forget_holders(&self) {
        self.disk.forgets.store(true, Ordering::Relaxed);
    }
}

fn begin(env: &Env, disk: &Arc<Disk>) -> MemoryLeases {
    let kept = disk.kept.lock().clone();
    let kept = match disk.forgets.load(Ordering::Relaxed) {
        true => KeptLeases { given: kept.given, ..KeptLeases::default() },
        false => kept,
    };
    MemoryLeases::durable(env.clone(), kept, Arc::clone(disk) as _)
}

impl Disk {
    fn check(&self, operation: &'static str) -> Result<(), LeaseError> {
        let why = "the disk of the simulated lease backend is full";
        let full = LeaseError::new(LeaseErrorKind::Unavailable, operation, why);
        if self.is_full.load(Ordering::Relaxed) { Err(full) } else { Ok(()) }
    }
}

impl LeaseFile for Disk {
    fn save<'a>(&'a self, changes: &'a LeaseChanges) -> BoxFuture<'a, Result<(), LeaseError>> {
        Box::pin(async move {
            self.check("save")?;
            self.kept.lock().apply(changes);
            Ok(())
        })
    }

    fn record<'a>(&'a self, name: &'a str, number: u64) -> BoxFuture<'a, Result<u64, LeaseError>> {
        Box::pin(async move {
            let mut recorded = self.recorded.lock();
            if let Some(number) = recorded.get(name) {
                return Ok(*number);
            }
            self.check("record")?;
            recorded.insert(name.to_owned(), number);
            Ok(number)
        })
    }
}
