//! The decision whether a claim or a write is accepted, without any storage.
//!
//! Every store of this project that decides in its own process uses these; stores that decide in a statement of their own
//! say the same in its language. The rules are those of the ownership protocol.

use super::error::{StoreError, StoreErrorKind};
use super::row::LeaseId;
use super::row::{Floor, Guard, Op, Row, RowId, Token, Write};
use super::table::Value;

/// What a guarded write comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Written {
    /// The row as it is to be kept.
    Changed(Row),
    /// The row holds this write already, and has this version.
    Repeated(u64),
    /// The row goes. It leaves this floor, where it was owned, and its version.
    Removed(Option<(LeaseId, Floor)>, u64),
}

/// What there is where there is no row: what rows that were removed have left (rule 32).
#[derive(Clone, Debug, Default)]
pub struct Ground {
    /// Of the lease under which the row is claimed.
    pub floor: Option<Floor>,
    /// Above which version the row begins: versions of a row never go back, whatever becomes of it.
    pub version: u64,
}

/// Decides a claim, and returns the row as it is to be kept: with the token of `by` and version + 1 (rule 8), or as it is when it
/// has this token already. Where there was nothing it is a tombstone, and nothing but a claim makes one (rule 7).
///
/// # Errors
/// `Refused` by a row whose epoch is larger, or equal with another holder (rule 8), or that is owned under another lease,
/// whose epochs say nothing about this one's (rule 15). Where there is no row, by the floor likewise (rule 32).
pub fn claim(row: Option<Row>, ground: &Ground, id: &RowId, by: &Token) -> Result<Row, StoreError> {
    if let (None, Some(floor)) = (&row, &ground.floor)
        && (floor.epoch > by.epoch || floor.epoch == by.epoch && floor.holder != by.holder)
    {
        let message = format!(
            "rows of this lease were removed under a later grant than epoch {} ({}, epoch {}); give the grant back and acquire one above it",
            show_epoch(by.epoch),
            floor.holder,
            show_epoch(floor.epoch)
        );
        return Err(StoreError::new(refusal(floor.epoch), "claim", id, message));
    }
    let mut row = row.unwrap_or_else(|| Row::nothing(ground));
    if let Some(owner) = &row.token {
        let refused = |why: &str| {
            let message = format!("{why} ({})", owned_by(owner));
            Err(StoreError::new(refusal(owner.epoch), "claim", id, message))
        };
        if owner.lease != by.lease {
            return refused(&format!(
                "the row belongs to another lease than `{}`; changing the slots of rows is an offline migration",
                by.lease
            ));
        }
        if owner.epoch > by.epoch {
            return refused(&format!(
                "the row has seen a later grant than epoch {}; give the grant back and acquire one above the row's",
                show_epoch(by.epoch)
            ));
        }
        if owner.epoch == by.epoch && owner.holder != by.holder {
            return refused(
                "another holder claimed with the same epoch: the lease backend has forgotten grants; acquire one above the \
                 row's, or raise ownership.era",
            );
        }
    }
    // A copy of a claim that the row has already changes nothing: counted twice, it would make the activation's first write look
    // like one that is done (rule 10). Another claim has another activation number.
    if row.token.as_ref() != Some(by) {
        row.token = Some(by.clone());
        row.version += 1;
    }
    Ok(row)
}

/// Decides one write against the row as it stands, and returns what is to be kept.
///
/// # Errors
/// `Refused` where the guard does not hold (rule 9; rule 15 for stateless writers), `Exists` and `Missing` where it holds and
/// the write does not fit.
pub fn write(row: Option<Row>, ground: &Ground, op: &Op) -> Result<Written, StoreError> {
    if op.write == Write::Forget {
        return forget(row, op);
    }
    let absent = row.is_none();
    let row = row.unwrap_or_else(|| Row::nothing(ground));
    match &op.guard {
        Guard::Owner(token, version) => {
            let owned = row.token.as_ref().is_some_and(|owner| owner == token);
            // Rule 10: the writer's token and exactly the next version mean that the write is there.
            if owned && version.checked_add(1) == Some(row.version) {
                return Ok(Written::Repeated(row.version));
            }
            // Rule 9: both equal; "not smaller" is not enough. Rule 7: a write never makes a row.
            if !owned || row.version != *version {
                return Err(refuse_owner(&row, absent, op, token, *version));
            }
        }
        Guard::Version(version) => {
            refuse_stateless(&row, op)?;
            if row.exists && row.version != *version {
                let message = format!(
                    "the row changed meanwhile: it has version {}, the write expects {version}; read it again",
                    row.version
                );
                return Err(StoreError::new(refusal(0), "write", &op.row, message));
            }
            if !row.exists {
                return Err(missing(op));
            }
        }
        Guard::Absent => {
            if row.exists {
                return Err(exists(op));
            }
            refuse_stateless(&row, op)?;
        }
    }
    apply(row, op).map(Written::Changed)
}

/// Decides whether a tombstone goes (rule 32): one that is exactly as the guard says.
fn forget(row: Option<Row>, op: &Op) -> Result<Written, StoreError> {
    let (Guard::Owner(_, guarded) | Guard::Version(guarded)) = &op.guard else {
        let message = "a tombstone is removed with its version";
        return Err(StoreError::new(StoreErrorKind::Invalid, "write", &op.row, message));
    };
    // A copy of what is done.
    let Some(row) = row else { return Ok(Written::Repeated(*guarded)) };
    if row.exists {
        return Err(exists(op));
    }
    let by = match &op.guard {
        Guard::Owner(token, _) => Some(token),
        _ => None,
    };
    if row.token.as_ref() != by || row.version != *guarded {
        let epoch = row.token.as_ref().map_or(0, |owner| owner.epoch);
        let message = "the tombstone was claimed meanwhile; it stays";
        return Err(StoreError::new(refusal(epoch), "write", &op.row, message));
    }
    let floor = |Token { lease, epoch, holder, .. }| (lease, Floor { epoch, holder });
    Ok(Written::Removed(row.token.map(floor), row.version))
}

impl Floor {
    /// The floor after another tombstone has gone.
    #[must_use]
    pub fn raised(before: Option<Self>, to: Self) -> Self {
        before.filter(|before| before.epoch > to.epoch).unwrap_or(to)
    }
}

/// Does what an allowed write says: version + 1, and the records that it names.
fn apply(mut row: Row, op: &Op) -> Result<Row, StoreError> {
    match &op.write {
        Write::Create(_) if row.exists => return Err(exists(op)),
        Write::Update(_) | Write::Delete if !row.exists => return Err(missing(op)),
        Write::Create(fields) => {
            row.fields.clear();
            set(&mut row.fields, fields);
            row.exists = true;
        }
        Write::Update(fields) => set(&mut row.fields, fields),
        // The head and the records stay: a repeated old command must not run again.
        Write::Delete => {
            row.fields.clear();
            row.exists = false;
        }
        // It has its own way, as it leaves no row.
        Write::Forget => {}
    }
    if let Some(records) = &op.records {
        row.records = records.clone();
    }
    row.version += 1;
    Ok(row)
}

fn set(fields: &mut Vec<(u32, Value)>, new: &[(u32, Value)]) {
    for (number, value) in new {
        match fields.binary_search_by_key(number, |(n, _)| *n) {
            Ok(at) => fields[at].1 = value.clone(),
            Err(at) => fields.insert(at, (*number, value.clone())),
        }
    }
}

impl Row {
    /// What a claim starts from where there is no row.
    fn nothing(ground: &Ground) -> Self {
        Self {
            token: None,
            version: ground.version,
            exists: false,
            fields: Vec::new(),
            records: bytes::Bytes::new(),
        }
    }
}

fn refuse_owner(row: &Row, absent: bool, op: &Op, token: &Token, version: u64) -> StoreError {
    let epoch = row.token.as_ref().map_or(0, |owner| owner.epoch);
    let message = match &row.token {
        _ if absent => "the row is not claimed; claim it before writing".to_owned(),
        None => "the row is not owned; claim before writing".to_owned(),
        Some(owner) if owner != token => {
            format!("the row was claimed meanwhile; end this activation ({})", owned_by(owner))
        }
        Some(_) => format!(
            "the row has version {}, the write expects {version}; end this activation",
            row.version
        ),
    };
    StoreError::new(refusal(epoch), "write", &op.row, message)
}

/// Rule 15: other services never write an owner's row.
fn refuse_stateless(row: &Row, op: &Op) -> Result<(), StoreError> {
    let Some(owner) = &row.token else {
        return Ok(());
    };
    let message = format!(
        "a stateless writer may not write an owned row; call its owner ({})",
        owned_by(owner)
    );
    Err(StoreError::new(refusal(owner.epoch), "write", &op.row, message))
}

fn refusal(row_epoch: u64) -> StoreErrorKind {
    StoreErrorKind::Refused { row_epoch }
}

fn exists(op: &Op) -> StoreError {
    StoreError::new(StoreErrorKind::Exists, "write", &op.row, "a row with this key exists")
}

fn missing(op: &Op) -> StoreError {
    let message = "there is no row with this key; create it first";
    StoreError::new(StoreErrorKind::Missing, "write", &op.row, message)
}

fn owned_by(owner: &Token) -> String {
    format!(
        "owner {}, lease {}, epoch {}, activation {}",
        owner.holder,
        owner.lease,
        show_epoch(owner.epoch),
        owner.activation
    )
}

/// An epoch as people set it: the era apart from the count.
fn show_epoch(epoch: u64) -> String {
    match (epoch >> 48, epoch & 0xffff_ffff_ffff) {
        (0, n) => n.to_string(),
        (era, n) => format!("{n} of era {era}"),
    }
}
