//! [`Reply`]: a row that the server has answered.

use guildhall_sql::Fields;
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
        let text = get::<Option<&str>>(&self.0, at)?;
        let number = text.map(|text| text.parse().map_err(|_| text));
        number.transpose().map_err(|text| format!("`{text}` is no number from 0 to 2^64 - 1"))
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
