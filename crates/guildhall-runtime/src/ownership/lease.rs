//! `cx.lease`: game leases.

use std::time::Duration;

use guildhall_ownership::{Lease, LeaseWait};

use crate::call::Cx;

impl Cx {
    /// A lease by its id: 1 to 128 letters, digits and `-_./`.
    pub fn lease(&self, id: impl Into<String>) -> Lease {
        let timeout = Duration::from_millis(self.core.calls.timeout_ms);
        self.core.ownership().lease(id, LeaseWait { timeout, deadline: self.deadline })
    }
}
