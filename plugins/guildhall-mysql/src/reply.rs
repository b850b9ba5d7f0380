//! [`Reply`]: a row that the server has answered, all in text.

use std::str::FromStr;

use guildhall_sql::Fields;
use mysql_async::{Row, Value};

/// A row of an answer.
#[derive(Debug)]
pub struct Reply(pub(crate) Row);

impl Reply {
    fn raw(&self, at: usize) -> Result<Option<&[u8]>, String> {
        match self.0.as_ref(at) {
            Some(Value::NULL) => Ok(None),
            Some(Value::Bytes(bytes)) => Ok(Some(bytes)),
            Some(_) => Err(format!("column {at} of the answer is no text")),
            None => Err(format!("the answer has no column {at}")),
        }
    }

    fn number<T: FromStr>(&self, at: usize, what: &str) -> Result<Option<T>, String> {
        let Some(text) = self.text(at)? else { return Ok(None) };
        let number = text.parse().map_err(|_| format!("`{:.40}` is no {what}", text));
        number.map(Some)
    }
}

impl Fields for Reply {
    fn text(&self, at: usize) -> Result<Option<String>, String> {
        let text = self.raw(at)?.map(|bytes| String::from_utf8(bytes.to_vec()));
        text.transpose().map_err(|_| format!("column {at} of the answer is not UTF-8"))
    }

    fn uint(&self, at: usize) -> Result<Option<u64>, String> {
        self.number(at, "number from 0 to 2^64 - 1")
    }

    fn int(&self, at: usize) -> Result<Option<i64>, String> {
        self.number(at, "number from -2^63 to 2^63 - 1")
    }

    fn bool(&self, at: usize) -> Result<Option<bool>, String> {
        Ok(self.int(at)?.map(|n| n != 0))
    }

    fn float(&self, at: usize) -> Result<Option<f64>, String> {
        self.number(at, "number")
    }

    fn bytes(&self, at: usize) -> Result<Option<Vec<u8>>, String> {
        Ok(self.raw(at)?.map(<[u8]>::to_vec))
    }
}
