//! Rows as hashes: how values, tokens and places are written, and how they are read.

use bytes::Bytes;
use guildhall_core::store::rows::{Kept, Place};
use guildhall_core::store::{Kind, Row, RowId, Token, Value};
use guildhall_core::{Incarnation, Key};

use super::columns::Columns;
use crate::reply::{Items, Wrong, uint};

/// A value as a field of a hash, as people read it.
pub(crate) fn raw(value: &Value) -> Vec<u8> {
    match value {
        Value::Bool(value) => u8::from(*value).to_string().into_bytes(),
        Value::Int(number) => number.to_string().into_bytes(),
        Value::Uint(number) => number.to_string().into_bytes(),
        Value::Float(number) => format!("{number:?}").into_bytes(),
        Value::Text(text) => text.clone().into_bytes(),
        Value::Bytes(bytes) => bytes.to_vec(),
    }
}

/// Reads [`raw`].
pub(crate) fn value_of(kind: Kind, raw: Vec<u8>) -> Result<Value, Wrong> {
    if matches!(kind, Kind::Bytes | Kind::Proto) {
        return Ok(Value::Bytes(raw.into()));
    }
    let text = String::from_utf8(raw).map_err(|_| format!("a {kind:?} that is no UTF-8"))?;
    let wrong = || {
        let text: String = text.chars().take(40).collect();
        format!("`{text}` is no {kind:?}")
    };
    Ok(match kind {
        Kind::Bool => match text.as_str() {
            "0" => Value::Bool(false),
            "1" => Value::Bool(true),
            _ => return Err(wrong()),
        },
        Kind::Int => Value::Int(text.parse().map_err(|_| wrong())?),
        Kind::Uint => Value::Uint(uint(&text)?),
        Kind::Float => Value::Float(text.parse().map_err(|_| wrong())?),
        Kind::Text | Kind::Bytes | Kind::Proto => Value::Text(text),
    })
}

/// What a row is called among the rows of its table.
pub(crate) fn place_of(id: &RowId) -> String {
    match &id.sub {
        None => format!("r{}", id.key),
        Some(sub) => format!("s{}:{}:{sub}", id.key.as_str().len(), id.key),
    }
}

/// Reads [`place_of`].
pub(crate) fn read_place(text: &str) -> Result<Place, Wrong> {
    let wrong = || "a place that is none".to_owned();
    if let Some(key) = text.strip_prefix('r') {
        return Ok((Key::from(key), None));
    }
    let rest = text.strip_prefix('s').ok_or_else(wrong)?;
    let (length, rest) = rest.split_once(':').ok_or_else(wrong)?;
    let length = length.parse().ok().ok_or_else(wrong)?;
    let (key, sub) = rest.split_at_checked(length).ok_or_else(wrong)?;
    let sub = sub.strip_prefix(':').ok_or_else(wrong)?;
    Ok((Key::from(key), Some(Key::from(sub))))
}

/// The head of a row while it is read, field by field or from a list.
#[derive(Default)]
pub(crate) struct Head {
    version: Option<String>,
    exists: Option<String>,
    lease: Option<String>,
    epoch: Option<String>,
    app: Option<String>,
    incarnation: Option<String>,
    activation: Option<String>,
    over_ms: Option<String>,
}

impl Head {
    /// From a list as scripts answer it: in the order of the fields of this, empty where there is none. `None`: there is no row.
    pub(crate) fn listed(items: &mut Items) -> Result<Option<Kept>, Wrong> {
        let mut head = Self::default();
        for field in [
            &mut head.version,
            &mut head.exists,
            &mut head.lease,
            &mut head.epoch,
            &mut head.app,
            &mut head.incarnation,
            &mut head.activation,
            &mut head.over_ms,
        ] {
            *field = Some(items.text()?).filter(|text| !text.is_empty());
        }
        match head.version {
            None => Ok(None),
            Some(_) => head.row(Vec::new(), Bytes::new()).map(Some),
        }
    }

    fn field(&mut self, name: &[u8]) -> Option<&mut Option<String>> {
        Some(match name {
            b"@version" => &mut self.version,
            b"@exists" => &mut self.exists,
            b"@lease" => &mut self.lease,
            b"@epoch" => &mut self.epoch,
            b"@app" => &mut self.app,
            b"@incarnation" => &mut self.incarnation,
            b"@activation" => &mut self.activation,
            b"@over_ms" => &mut self.over_ms,
            _ => return None,
        })
    }

    fn row(self, mut fields: Vec<(u32, Value)>, records: Bytes) -> Result<Kept, Wrong> {
        let number = |text: Option<String>, what: &str| {
            uint(&text.ok_or_else(|| format!("a row without {what}"))?)
        };
        let exists = match self.exists.as_deref() {
            Some("1") => true,
            Some("0") => false,
            _ => return Err("a row without @exists".to_owned()),
        };
        let token = match self.lease {
            None => None,
            Some(lease) => {
                let app = self.app.ok_or("a token without @app")?;
                let app = app.parse().map_err(|_| "a token whose @app is none".to_owned())?;
                let incarnation = Incarnation(number(self.incarnation, "@incarnation")?);
                Some(Token {
                    lease: lease.into(),
                    epoch: number(self.epoch, "@epoch")?,
                    holder: guildhall_core::store::Holder { app, incarnation },
                    activation: number(self.activation, "@activation")?,
                })
            }
        };
        let version = number(self.version, "@version")?;
        let over_ms = self.over_ms.map_or(Ok(0), |text| uint(&text))?;
        fields.sort_by_key(|(number, _)| *number);
        Ok(Kept { row: Row { token, version, exists, fields, records }, over_ms })
    }
}

/// Reads a flat hash; `None` where it is empty. Fields that are no columns are none of ours.
pub(crate) fn read_row(mut items: Items, columns: &Columns) -> Result<Option<Kept>, Wrong> {
    if items.is_empty() {
        return Ok(None);
    }
    let (mut head, mut fields, mut records) = (Head::default(), Vec::new(), Bytes::new());
    while !items.is_empty() {
        let (name, raw) = (items.bytes()?, items.bytes()?);
        if name == b"@records" {
            records = raw.into();
        } else if let Some(field) = head.field(&name) {
            let text = String::from_utf8(raw).map_err(|_| "a head that is no UTF-8".to_owned())?;
            *field = Some(text);
        } else if let Some((number, kind)) = columns.by_name(&name) {
            fields.push((number, value_of(kind, raw)?));
        }
    }
    head.row(fields, records).map(Some)
}

#[cfg(test)]
mod tests;
