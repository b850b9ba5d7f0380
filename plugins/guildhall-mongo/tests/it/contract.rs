//! The contract of every store, and of those with whole rows.

use crate::ground::{fresh_schema, is_there, store};

guildhall_testkit::store_contract!(if is_there, || {
    let schema = fresh_schema();
    async move || store(&schema).await
});

mod whole_rows {
    use crate::ground::{fresh_schema, is_there, store};

    guildhall_testkit::store_bulk_contract!(if is_there, || {
        let schema = fresh_schema();
        async move || store(&schema).await
    });
}
