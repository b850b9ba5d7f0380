//! [`Reply`]: a row that the server has answered.

use guildhall_core::Incarnation;
use guildhall_core::store::Holder;
use guildhall_sql::{Fault, Fields};
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::sql::unescaped;

/// A row of an answer.
#[derive(Debug)]
pub struct Reply(pub(crate) Row);

impl Fields for Reply {
    fn text(&self, at: usize) -> Result<Option<String>, String> {
        get::<Option<&str>>(&self.0, at)?.map(unescaped).transpose()
    }

    /// It comes as text: PostgreSQL has no unsigned numbers.
    fn uint(&self, at: usize) -> Result<Option<u64>, String> {
        get::<Option<&str>>(&self.0, at)?.map(uint).transpose()
    }

    fn int(&self, at: usize) -> Result<Option<i64>, String> {
        get(&self.0, at)
    }

    fn bool(&self, at: usize) -> Result<Option<bool>, String> {
        get(&self.0, at)
    }

    fn float(&self, at: usize) -> Result<Option<f64>, String> {
        get(&self.0, at)
    }

    fn bytes(&self, at: usize) -> Result<Option<Vec<u8>>, String> {
        get(&self.0, at)
    }
}

/// A field of what the server has answered.
pub(crate) fn get<'a, T: FromSql<'a>>(row: &'a Row, at: usize) -> Result<T, String> {
    row.try_get(at).map_err(|error| error.to_string())
}

/// A field of the only row.
pub(crate) fn one<'a, T: FromSql<'a>>(
    rows: &'a [Row],
    at: usize,
    subject: &str,
) -> Result<T, Fault> {
    let [row] = rows else {
        return Err(Fault::damaged(subject, format!("{} rows instead of one", rows.len())));
    };
    get(row, at).map_err(|why| Fault::damaged(subject, why))
}

/// An unsigned number, which comes as text.
pub(crate) fn uint(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is no number from 0 to 2^64 - 1"))
}

/// A holder from its app and incarnation.
pub(crate) fn holder(app: &str, incarnation: u64) -> Result<Holder, String> {
    let app = app.parse().map_err(|error| format!("`{app}`: {error}"))?;
    Ok(Holder { app, incarnation: Incarnation(incarnation) })
}
