//! SQL views that show the messages, lists and maps in a PostgreSQL store as `jsonb`.
//!
//! A pure function from descriptors to SQL: no connection and no client of a vendor, so that `guildhall store views` prints it in
//! every build, and an administrator reads what runs. README.md of `guildhall-postgres` says what the views have.

mod text;
mod types;
mod script;

pub use types::Entities;
