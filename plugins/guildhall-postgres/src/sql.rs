//! Names and values in SQL.

use guildhall_core::Key;
use guildhall_core::store::schema::SeenColumn;
use guildhall_core::store::{Kind, Value};
use tokio_postgres::types::{ToSql, Type};

/// A parameter of a statement, with its type: so no statement has to be prepared.
pub(crate) type Param = (Box<dyn ToSql + Sync + Send>, Type);

/// The parameters of a statement, as they are numbered in it.
#[derive(Default)]
pub(crate) struct Params(Vec<Param>);

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

    pub(crate) fn bool(&mut self, is: bool) -> String {
        self.push(Box::new(is), Type::BOOL, "")
    }

    pub(crate) fn int(&mut self, n: i64) -> String {
        self.push(Box::new(n), Type::INT8, "")
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> String {
        self.push(Box::new(bytes.to_vec()), Type::BYTEA, "")
    }

    pub(crate) fn value(&mut self, value: &Value) -> String {
        match value {
            Value::Bool(v) => self.bool(*v),
            Value::Int(v) => self.int(*v),
            Value::Uint(v) => self.uint(*v),
            Value::Float(v) => self.push(Box::new(*v), Type::FLOAT8, ""),
            Value::Text(v) => self.text(escaped(v)),
            Value::Bytes(v) => self.bytes(v),
        }
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

/// A name in quotes.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The SQL type of a column. Text compares by its bytes, as keys do everywhere.
pub(crate) fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "boolean",
        Kind::Int => "bigint",
        Kind::Uint => "numeric(20)",
        Kind::Float => "double precision",
        Kind::Text => "text COLLATE \"C\"",
        Kind::Bytes | Kind::Proto => "bytea",
    }
}

/// What an absent column means.
pub(crate) fn default_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "false",
        Kind::Int => "0::bigint",
        Kind::Uint => "0::numeric",
        Kind::Float => "0::double precision",
        Kind::Text => "''::text",
        Kind::Bytes | Kind::Proto => "''::bytea",
    }
}

/// A column with its default where it is absent: what indexes have and queries compare.
pub(crate) fn or_default(column: &SeenColumn) -> String {
    format!("COALESCE({}, {})", quoted(&column.name), default_of(column.kind))
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

/// A sub key as it is kept: a row without one comes before all that have one.
pub(crate) fn sub_text(sub: Option<&Key>) -> String {
    sub.map(|sub| format!(":{}", escaped(sub.as_str()))).unwrap_or_default()
}

/// The opposite of [`sub_text`].
pub(crate) fn sub_key(text: &str) -> Result<Option<Key>, String> {
    match text.strip_prefix(':') {
        Some(sub) => Ok(Some(Key::from(unescaped(sub)?))),
        None if text.is_empty() => Ok(None),
        None => Err(format!("`{text}` is no sub key")),
    }
}

/// A value from its bytes in an index of the core, which compare as values do.
pub(crate) fn value_of(kind: Kind, ordered: &[u8]) -> Option<Value> {
    const SIGN: u64 = 1 << 63;
    let number = || Some(u64::from_be_bytes(ordered.try_into().ok()?));
    Some(match kind {
        Kind::Bool => Value::Bool(*ordered.first()? != 0),
        Kind::Int => Value::Int((number()? ^ SIGN).cast_signed()),
        Kind::Uint => Value::Uint(number()?),
        Kind::Float => {
            let bits = number()?;
            Value::Float(f64::from_bits(if bits & SIGN == 0 { !bits } else { bits & !SIGN }))
        }
        Kind::Text => Value::Text(String::from_utf8(ordered.to_vec()).ok()?),
        Kind::Bytes | Kind::Proto => Value::Bytes(bytes::Bytes::copy_from_slice(ordered)),
    })
}

#[cfg(test)]
mod tests;
