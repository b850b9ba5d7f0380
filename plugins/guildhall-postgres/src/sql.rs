//! Names and values in SQL.

use guildhall_core::store::{Kind, Value};
use tokio_postgres::types::{ToSql, Type};

/// The tables of leases and discovery: no entity may have these names.
pub(crate) const CLUSTER_TABLES: [&str; 6] = [
    "guildhall_lease_state",
    "guildhall_lease_sessions",
    "guildhall_leases",
    "guildhall_lease_numbers",
    "guildhall_node_state",
    "guildhall_nodes",
];

/// A parameter of a statement, with its type: so no statement has to be prepared.
pub(crate) type Param = (Box<dyn ToSql + Sync + Send>, Type);

/// The parameters of a statement, as they are numbered in it.
#[derive(Debug, Default)]
pub struct Params(Vec<Param>);

impl Params {
    /// Adds text, and returns its place.
    pub(crate) fn text(&mut self, text: String) -> String {
        self.push(Box::new(text), Type::TEXT, "")
    }

    /// Adds a list of texts.
    pub(crate) fn texts(&mut self, texts: Vec<String>) -> String {
        self.push(Box::new(texts), Type::TEXT_ARRAY, "")
    }

    /// Adds an unsigned number: PostgreSQL has no such integers, so it is a numeric.
    pub(crate) fn uint(&mut self, n: u64) -> String {
        self.push(Box::new(n.to_string()), Type::TEXT, "::numeric")
    }

    /// Adds a list of unsigned numbers, which are written out.
    pub(crate) fn uints(&mut self, numbers: Vec<Option<String>>) -> String {
        self.push(Box::new(numbers), Type::TEXT_ARRAY, "::numeric[]")
    }

    /// Adds a list of values of one kind; `None` is NULL. No list where a value is of another kind.
    pub(crate) fn list<'a>(
        &mut self,
        kind: Kind,
        values: impl Iterator<Item = Option<&'a Value>>,
    ) -> Option<String> {
        fn all<'a, T>(
            values: impl Iterator<Item = Option<&'a Value>>,
            of: impl Fn(&'a Value) -> Option<T>,
        ) -> Option<Vec<Option<T>>> {
            values.map(|value| value.map_or(Some(None), |value| of(value).map(Some))).collect()
        }
        let (list, of): (Box<dyn ToSql + Sync + Send>, Type) = match kind {
            Kind::Bool => {
                let all = all(values, |it| if let Value::Bool(v) = it { Some(*v) } else { None })?;
                (Box::new(all), Type::BOOL_ARRAY)
            }
            Kind::Int => {
                let all = all(values, |it| if let Value::Int(v) = it { Some(*v) } else { None })?;
                (Box::new(all), Type::INT8_ARRAY)
            }
            Kind::Uint => {
                let all =
                    all(
                        values,
                        |it| if let Value::Uint(v) = it { Some(v.to_string()) } else { None },
                    )?;
                return Some(self.uints(all));
            }
            Kind::Float => {
                let all = all(values, |it| if let Value::Float(v) = it { Some(*v) } else { None })?;
                (Box::new(all), Type::FLOAT8_ARRAY)
            }
            Kind::Text => {
                let all =
                    all(
                        values,
                        |it| if let Value::Text(v) = it { Some(escaped(v)) } else { None },
                    )?;
                (Box::new(all), Type::TEXT_ARRAY)
            }
            Kind::Bytes | Kind::Proto => {
                let all =
                    all(
                        values,
                        |it| if let Value::Bytes(v) = it { Some(v.to_vec()) } else { None },
                    )?;
                (Box::new(all), Type::BYTEA_ARRAY)
            }
        };
        Some(self.push(list, of, ""))
    }

    pub(crate) fn bool(&mut self, is: bool) -> String {
        self.push(Box::new(is), Type::BOOL, "")
    }

    pub(crate) fn int(&mut self, n: i64) -> String {
        self.push(Box::new(n), Type::INT8, "")
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> String {
        self.push(Box::new(bytes.to_vec()), Type::BYTEA, "")
    }

    fn push(&mut self, value: Box<dyn ToSql + Sync + Send>, of: Type, cast: &str) -> String {
        self.0.push((value, of));
        format!("${}{cast}", self.0.len())
    }

    /// As the client takes them.
    pub(crate) fn as_typed(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        let typed = self.0.iter().map(|(value, of)| {
            let value: &(dyn ToSql + Sync) = &**value;
            (value, of.clone())
        });
        typed.collect()
    }
}

impl guildhall_sql::Params for Params {
    fn text(&mut self, text: &str) -> String {
        self.text(escaped(text))
    }

    fn uint(&mut self, n: u64) -> String {
        self.uint(n)
    }

    fn int(&mut self, n: i64) -> String {
        self.int(n)
    }

    fn bool(&mut self, is: bool) -> String {
        self.bool(is)
    }

    fn float(&mut self, n: f64) -> String {
        self.push(Box::new(n), Type::FLOAT8, "")
    }

    fn bytes(&mut self, bytes: &[u8]) -> String {
        self.bytes(bytes)
    }
}

/// A name in quotes.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Text as it is kept: PostgreSQL has no NUL in texts. Escaped texts compare as the texts do.
pub(crate) fn escaped(text: &str) -> String {
    if !text.contains(['\0', '\u{1}']) {
        return text.to_owned();
    }
    text.replace('\u{1}', "\u{1}\u{2}").replace('\0', "\u{1}\u{1}")
}

/// The opposite of [`escaped`].
pub(crate) fn unescaped(text: &str) -> Result<String, String> {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        plain.push(match c {
            '\u{1}' => match chars.next() {
                Some('\u{1}') => '\0',
                Some('\u{2}') => '\u{1}',
                other => return Err(format!("U+0001 before {other:?} in a text")),
            },
            c => c,
        });
    }
    Ok(plain)
}

#[cfg(test)]
mod tests;
