//! Any bytes as a column that a newer release has written, and as the change that an older one saves beside it.

#[path = "../agreement/columns.rs"]
mod columns;

/// One input.
pub fn run(data: &[u8]) {
    let Some((&length, rest)) = data.split_first() else {
        return;
    };
    let (column, change) = rest.split_at(rest.len().min(length.into()));
    columns::compare(column, change);
}
