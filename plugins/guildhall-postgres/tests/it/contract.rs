//! The contract of every store.

use crate::server::{PATIENT, fresh_schema, is_there, shared};

guildhall_testkit::store_contract!(if is_there, || {
    let schema = fresh_schema();
    async move || shared().store(&schema, PATIENT)
});
