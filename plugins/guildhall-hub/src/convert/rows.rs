//! Tables, rows and writes.

use guildhall_core::store::{
    Batch, Column, Compare, Condition, Cursor, Guard, Kind, Op, Order, Row, RowId, StoreError,
    StoreErrorKind, Table, Token, Tombstone, Value, Write,
};
use prost::Message as _;
use xxhash_rust::xxh3::xxh3_64;

use super::{from_holder, holder};
use crate::proto::{self, column, condition, op, store_failure, value};

pub fn table(table: &Table) -> proto::Table {
    proto::Table {
        name: table.name.to_owned(),
        key: Some(column(&table.key)),
        columns: table.columns.iter().map(column).collect(),
    }
}

/// What requests name a prepared table by: equal for equal definitions, in every process.
pub fn fingerprint(table: &proto::Table) -> u64 {
    xxh3_64(&table.encode_to_vec())
}

fn column(column: &Column) -> proto::Column {
    let kind = match column.kind {
        Kind::Bool => column::Kind::Bool,
        Kind::Int => column::Kind::Int,
        Kind::Uint => column::Kind::Uint,
        Kind::Float => column::Kind::Float,
        Kind::Text => column::Kind::Text,
        Kind::Bytes => column::Kind::Bytes,
        Kind::Proto => column::Kind::Proto,
    };
    proto::Column {
        number: column.number,
        name: column.name.to_owned(),
        kind: kind.into(),
        unique: column.unique,
        index: column.index,
    }
}

pub fn from_kind(column: &proto::Column) -> Kind {
    match column.kind() {
        column::Kind::Bool => Kind::Bool,
        column::Kind::Int => Kind::Int,
        column::Kind::Uint => Kind::Uint,
        column::Kind::Float => Kind::Float,
        column::Kind::Text => Kind::Text,
        column::Kind::Bytes => Kind::Bytes,
        column::Kind::Proto => Kind::Proto,
    }
}

/// `table` is the fingerprint of the row's table.
pub fn row_id(id: &RowId, table: u64) -> proto::RowId {
    let sub = id.sub.as_ref().map(ToString::to_string);
    proto::RowId { table, key: id.key.to_string(), sub }
}

pub fn from_row_id(id: proto::RowId, table: &'static Table) -> RowId {
    RowId { table, key: id.key.into(), sub: id.sub.map(Into::into) }
}

pub fn token(token: &Token) -> proto::Token {
    proto::Token {
        lease: token.lease.to_string(),
        epoch: token.epoch,
        holder: Some(holder(&token.holder)),
        activation: token.activation,
    }
}

pub fn from_token(token: Option<proto::Token>) -> Option<Token> {
    let proto::Token { lease, epoch, holder, activation } = token?;
    Some(Token { lease: lease.into(), epoch, holder: from_holder(holder)?, activation })
}

fn fields(fields: &[(u32, Value)]) -> Vec<proto::Field> {
    let field = |(number, of): &(u32, Value)| proto::Field { number: *number, value: value(of) };
    fields.iter().map(field).collect()
}

fn from_fields(fields: Vec<proto::Field>) -> Option<Vec<(u32, Value)>> {
    fields.into_iter().map(|field| Some((field.number, from_value(field.value)?))).collect()
}

fn value(value: &Value) -> Option<proto::Value> {
    use value::Value as To;
    let value = match value {
        Value::Bool(v) => To::Boolean(*v),
        Value::Int(v) => To::Int(*v),
        Value::Uint(v) => To::Uint(*v),
        Value::Float(v) => To::Float(*v),
        Value::Text(v) => To::Text(v.clone()),
        Value::Bytes(v) => To::Bytes(v.clone()),
    };
    Some(proto::Value { value: Some(value) })
}

fn from_value(value: Option<proto::Value>) -> Option<Value> {
    use value::Value as From;
    Some(match value?.value? {
        From::Boolean(v) => Value::Bool(v),
        From::Int(v) => Value::Int(v),
        From::Uint(v) => Value::Uint(v),
        From::Float(v) => Value::Float(v),
        From::Text(v) => Value::Text(v),
        From::Bytes(v) => Value::Bytes(v),
    })
}

pub fn row(row: &Row) -> proto::Row {
    proto::Row {
        token: row.token.as_ref().map(token),
        version: row.version,
        exists: row.exists,
        fields: fields(&row.fields),
        records: row.records.clone(),
    }
}

pub fn from_row(row: proto::Row) -> Option<Row> {
    let proto::Row { token, version, exists, fields, records } = row;
    let token = match token {
        Some(token) => Some(from_token(Some(token))?),
        None => None,
    };
    Some(Row { token, version, exists, fields: from_fields(fields)?, records })
}

/// `table_of` knows the fingerprint of a row's table.
pub fn batch(batch: &Batch, table_of: impl Fn(&Table) -> u64) -> proto::Batch {
    let op = |op: &Op| proto::Op {
        row: Some(row_id(&op.row, table_of(op.row.table))),
        guard: Some(match &op.guard {
            Guard::Owner(by, version) => {
                op::Guard::Owner(proto::Owner { token: Some(token(by)), version: *version })
            }
            Guard::Version(version) => op::Guard::Version(*version),
            Guard::Absent => op::Guard::Absent(true),
        }),
        write: Some(match &op.write {
            Write::Create(new) => op::Write::Create(proto::Fields { fields: fields(new) }),
            Write::Update(new) => op::Write::Update(proto::Fields { fields: fields(new) }),
            Write::Delete => op::Write::Delete(true),
            Write::Forget => op::Write::Forget(true),
        }),
        records: op.records.clone(),
        keep_ms: op.keep_ms,
    };
    proto::Batch { ops: batch.ops.iter().map(op).collect() }
}

/// `table` is that of the op's row.
pub fn from_op(op: proto::Op, table: &'static Table) -> Option<Op> {
    Some(Op {
        row: from_row_id(op.row?, table),
        guard: match op.guard? {
            op::Guard::Owner(owner) => Guard::Owner(from_token(owner.token)?, owner.version),
            op::Guard::Version(version) => Guard::Version(version),
            op::Guard::Absent(_) => Guard::Absent,
        },
        write: match op.write? {
            op::Write::Create(new) => Write::Create(from_fields(new.fields)?),
            op::Write::Update(new) => Write::Update(from_fields(new.fields)?),
            op::Write::Delete(_) => Write::Delete,
            op::Write::Forget(_) => Write::Forget,
        },
        records: op.records,
        keep_ms: op.keep_ms,
    })
}

pub fn tombstone(of: &Tombstone) -> proto::Tombstone {
    proto::Tombstone {
        key: of.row.key.to_string(),
        sub: of.row.sub.as_ref().map(ToString::to_string),
        token: of.token.as_ref().map(token),
        version: of.version,
        over_ms: of.over_ms,
    }
}

/// `table` is that of its row.
pub fn from_tombstone(of: proto::Tombstone, table: &'static Table) -> Option<Tombstone> {
    let proto::Tombstone { key, sub, token, version, over_ms } = of;
    let token = match token {
        Some(token) => Some(from_token(Some(token))?),
        None => None,
    };
    let row = RowId { table, key: key.into(), sub: sub.map(Into::into) };
    Some(Tombstone { row, token, version, over_ms })
}

pub fn condition(of: &Condition) -> proto::Condition {
    let compare = match of.compare {
        Compare::Equal => condition::Compare::Equal,
        Compare::Less => condition::Compare::Less,
        Compare::Greater => condition::Compare::Greater,
    };
    proto::Condition { column: of.column, compare: compare.into(), value: value(&of.value) }
}

pub fn from_condition(of: proto::Condition) -> Option<Condition> {
    let compare = match of.compare() {
        condition::Compare::Equal => Compare::Equal,
        condition::Compare::Less => Compare::Less,
        condition::Compare::Greater => Compare::Greater,
    };
    Some(Condition { column: of.column, compare, value: from_value(of.value)? })
}

pub fn order(order: Order) -> Option<proto::Order> {
    match order {
        Order::Key => None,
        Order::Up(column) => Some(proto::Order { column, down: false }),
        Order::Down(column) => Some(proto::Order { column, down: true }),
    }
}

pub fn from_order(order: Option<proto::Order>) -> Order {
    match order {
        None => Order::Key,
        Some(proto::Order { column, down: false }) => Order::Up(column),
        Some(proto::Order { column, down: true }) => Order::Down(column),
    }
}

pub fn cursor(cursor: &Cursor) -> proto::Cursor {
    let key = cursor.key.to_string();
    proto::Cursor { key, value: cursor.value.as_ref().and_then(value) }
}

pub fn from_cursor(cursor: proto::Cursor) -> Option<Cursor> {
    let value = match cursor.value {
        Some(value) => Some(from_value(Some(value))?),
        None => None,
    };
    Some(Cursor { value, key: cursor.key.into() })
}

pub fn store_refusal(error: StoreError) -> proto::StoreFailure {
    use store_failure::Kind;
    let (kind, row_epoch) = match error.kind {
        StoreErrorKind::Refused { row_epoch } => (Kind::Refused, row_epoch),
        StoreErrorKind::Exists => (Kind::Exists, 0),
        StoreErrorKind::Missing => (Kind::Missing, 0),
        StoreErrorKind::Unavailable => (Kind::Unavailable, 0),
        StoreErrorKind::Unknown => (Kind::Unknown, 0),
        StoreErrorKind::Invalid => (Kind::Invalid, 0),
    };
    let StoreError { subject, message, .. } = error;
    proto::StoreFailure { kind: kind.into(), subject, message, row_epoch }
}

pub fn store_failure(operation: &'static str, failure: proto::StoreFailure) -> StoreError {
    use store_failure::Kind;
    let kind = match failure.kind() {
        Kind::Refused => StoreErrorKind::Refused { row_epoch: failure.row_epoch },
        Kind::Exists => StoreErrorKind::Exists,
        Kind::Missing => StoreErrorKind::Missing,
        Kind::Unavailable => StoreErrorKind::Unavailable,
        Kind::Unknown => StoreErrorKind::Unknown,
        Kind::Invalid | Kind::NotPrepared => StoreErrorKind::Invalid,
    };
    StoreError::new(kind, operation, failure.subject, failure.message)
}
