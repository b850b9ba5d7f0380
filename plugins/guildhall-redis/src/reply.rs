//! Answers of scripts, taken apart with a check at each step: they come from outside.

use redis::Value;

/// Why an answer is not what it must be.
pub(crate) type Wrong = String;

/// The items of an array, in their order.
pub(crate) struct Items(std::vec::IntoIter<Value>);

impl Items {
    /// The items of `value`, which must be an array.
    pub(crate) fn of(value: Value) -> Result<Self, Wrong> {
        match value {
            Value::Array(items) => Ok(Self(items.into_iter())),
            other => Err(format!("{} where an array belongs", name(&other))),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    pub(crate) fn next(&mut self) -> Result<Value, Wrong> {
        self.0.next().ok_or_else(|| "an answer ends too early".to_owned())
    }

    pub(crate) fn items(&mut self) -> Result<Self, Wrong> {
        Self::of(self.next()?)
    }

    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>, Wrong> {
        bytes(self.next()?)
    }

    pub(crate) fn text(&mut self) -> Result<String, Wrong> {
        text(self.next()?)
    }

    pub(crate) fn uint(&mut self) -> Result<u64, Wrong> {
        uint(&self.text()?)
    }
}

pub(crate) fn bytes(value: Value) -> Result<Vec<u8>, Wrong> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        Value::SimpleString(text) => Ok(text.into_bytes()),
        Value::Int(number) => Ok(number.to_string().into_bytes()),
        Value::Okay => Ok(b"OK".to_vec()),
        other => Err(format!("{} where text belongs", name(&other))),
    }
}

pub(crate) fn text(value: Value) -> Result<String, Wrong> {
    String::from_utf8(bytes(value)?).map_err(|_| "text that is no UTF-8".to_owned())
}

/// An unsigned number in decimal.
pub(crate) fn uint(text: &str) -> Result<u64, Wrong> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number).ok_or_else(|| {
        let text: String = text.chars().take(40).collect();
        format!("`{text}` is no number from 0 to 2^64 - 1")
    })
}

fn name(value: &Value) -> &'static str {
    match value {
        Value::Nil => "nothing",
        Value::Int(_) => "a number",
        Value::Array(_) => "an array",
        _ => "another value",
    }
}
