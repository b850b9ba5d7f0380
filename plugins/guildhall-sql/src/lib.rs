//! What the stores on SQL servers share: fenced batches in transactions, columns, queries, and what of it is SQL. A vendor's crate brings a
//! [`Database`], which says how its server is asked and how tables are made, and a [`Dialect`], which says what differs in its SQL;
//! [`SqlStore`] is the store.

mod fault;
mod statement;
mod space;
mod update;
mod dialect;
mod row;
mod options;
mod session;
mod attempts;
mod schema;
mod prepare;
mod work;
mod change;
mod write;
mod query;
mod commits;
mod request;
mod store;
mod bulk;

pub use attempts::Attempts;
pub use dialect::Dialect;
pub use fault::Fault;
pub use guildhall_core::backend::without_secrets;
pub use options::{Url, checked_schema};
pub use row::{HEAD_NAMES, kept_place};
pub use schema::{FORMAT, SHARED};
pub use session::{Database, Done, RowOf, Session};
pub use space::{Quote, Space};
pub use statement::{Answer, Fields, Params, Statement, some};
pub use store::SqlStore;
pub use update::{Set, Update};
