//! The contract of every store.

use crate::ground::{fresh_schema, is_there, store};

guildhall_testkit::store_contract!(if is_there, || {
    let schema = fresh_schema();
    async move || store(&schema)
});
guildhall_testkit::store_bulk_contract!(if is_there, || {
    let schema = fresh_schema();
    async move || store(&schema)
});
