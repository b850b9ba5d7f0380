//! The contracts of the seams.

use crate::ground::{app, fresh_schema, is_there, store};

mod rows {
    use super::*;
    guildhall_testkit::store_contract!(if is_there, || {
        let schema = fresh_schema();
        async move || store(&schema)
    });
    guildhall_testkit::store_bulk_contract!(if is_there, || {
        let schema = fresh_schema();
        async move || store(&schema)
    });
}

mod leases {
    use super::*;
    guildhall_testkit::leases_contract!(if is_there, || {
        let schema = fresh_schema();
        async move || app(&schema).leases()
    }, flavor = "multi_thread");
}

mod discovery {
    use super::*;
    guildhall_testkit::discovery_contract!(if is_there, || {
        let schema = fresh_schema();
        async move || app(&schema).discovery()
    }, flavor = "multi_thread");
}

mod broker {
    use super::*;
    guildhall_testkit::broker_contract!(if is_there, || {
        let schema = fresh_schema();
        async move || app(&schema).broker()
    }, flavor = "multi_thread");
}
