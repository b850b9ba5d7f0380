//! Files of earlier releases, brought to the layout of this one.

use guildhall_core::store::rows::Kept;
use redb::{ReadableTable as _, WriteTransaction};

use crate::row;
use crate::tables::{OVER, ROWS, TOMBSTONES};

/// Rows that are looked at before their tombstones are moved.
const PAGE: usize = 4096;

/// Moves tombstones from the rows to a table of their own, from which they may go at `over_ms`. A row that is damaged stays where
/// it is.
pub(crate) fn part_tombstones(
    transaction: &WriteTransaction,
    over_ms: u64,
) -> Result<(), redb::Error> {
    let mut rows = transaction.open_table(ROWS)?;
    let mut tombstones = transaction.open_table(TOMBSTONES)?;
    let mut over = transaction.open_table(OVER)?;
    let mut after = (String::new(), String::new(), None::<String>);
    loop {
        let from = (after.0.as_str(), after.1.as_str(), after.2.as_deref());
        let (mut page, mut looked) = (Vec::new(), None);
        let after_it = (std::ops::Bound::Excluded(from), std::ops::Bound::Unbounded);
        for entry in rows.range::<(&str, &str, Option<&str>)>(after_it)?.take(PAGE) {
            let (at, bytes) = entry?;
            let (table, key, sub) = at.value();
            let at = (table.to_owned(), key.to_owned(), sub.map(str::to_owned));
            if let Ok(Kept { row, .. }) = row::decode(bytes.value())
                && !row.exists
            {
                page.push((at.clone(), Kept { row, over_ms }));
            }
            looked = Some(at);
        }
        for ((table, key, sub), kept) in page {
            let at = (table.as_str(), key.as_str(), sub.as_deref());
            rows.remove(at)?;
            tombstones.insert(at, row::encode(kept).as_slice())?;
            over.insert((at.0, over_ms, at.1, at.2), ())?;
        }
        match looked {
            Some(last) => after = last,
            None => return Ok(()),
        }
    }
}
