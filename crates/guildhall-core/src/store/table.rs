//! The static description of a table, generated from an entity.

use bytes::Bytes;

/// A table: one entity's fields as columns.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Name in the store.
    pub name: &'static str,
    /// Column of the key.
    pub key: Column,
    /// The other columns, by ascending number.
    pub columns: &'static [Column],
}

impl Table {
    /// The column with this number, the key's included.
    pub fn column(&self, number: u32) -> Option<&Column> {
        if self.key.number == number {
            return Some(&self.key);
        }
        let at = self.columns.binary_search_by_key(&number, |c| c.number).ok()?;
        Some(&self.columns[at])
    }

    /// The numbers of the columns whose bits are set: bit n is the n-th column beside the key.
    pub fn numbers(&self, bits: u128) -> Vec<u32> {
        let columns = self.columns.iter().zip(0..u128::BITS);
        columns.filter(|(_, bit)| bits & (1 << bit) != 0).map(|(column, _)| column.number).collect()
    }
}

/// One top-level field of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Field number in the proto; what identifies the column through renames in code.
    pub number: u32,
    /// Field name in the proto.
    pub name: &'static str,
    /// How it is kept.
    pub kind: Kind,
    /// No two rows have the same value.
    pub unique: bool,
    /// Queries may ask for it.
    pub index: bool,
}

/// The column that is added to tables whose actors may have something to do later: when somebody has to wake them, in ms since
/// the Unix epoch. 0 is never. No field of a proto can have its number.
pub const WAKE: Column = Column {
    number: 1 << 29,
    name: "guildhall_wake",
    kind: Kind::Uint,
    unique: false,
    index: true,
};

impl Column {
    /// Whether queries may ask for it: unique columns have an index too.
    pub fn is_indexed(&self) -> bool {
        self.index || self.unique
    }
}

/// How a column is kept: scalars natively, everything else as protobuf bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// bool
    Bool,
    /// Signed integers and enums.
    Int,
    /// Unsigned integers.
    Uint,
    /// float and double
    Float,
    /// string
    Text,
    /// bytes
    Bytes,
    /// Messages, lists and maps: protobuf bytes of the one field.
    Proto,
}

/// The value of a column.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub enum Value {
    /// For `Kind::Bool`.
    Bool(bool),
    /// For `Kind::Int`.
    Int(i64),
    /// For `Kind::Uint`.
    Uint(u64),
    /// For `Kind::Float`.
    Float(f64),
    /// For `Kind::Text`.
    Text(String),
    /// For `Kind::Bytes` and `Kind::Proto`.
    Bytes(Bytes),
}

impl Value {
    /// Whether this value belongs in a column of `kind`.
    pub fn fits(&self, kind: Kind) -> bool {
        matches!(
            (self, kind),
            (Self::Bool(_), Kind::Bool)
                | (Self::Int(_), Kind::Int)
                | (Self::Uint(_), Kind::Uint)
                | (Self::Float(_), Kind::Float)
                | (Self::Text(_), Kind::Text)
                | (Self::Bytes(_), Kind::Bytes | Kind::Proto)
        )
    }
}
