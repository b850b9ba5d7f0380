//! New indexes of rows that are there, built piece by piece while others write.

use guildhall_core::store::StoreError;
use guildhall_core::store::index::column_taken;
use guildhall_core::store::ordered::{default_of, ordered};
use guildhall_core::store::schema::{Change, Schema};

use super::prepare::ASK;
use super::row::{read_place, value_of};
use super::space::Space;
use crate::reply::{Items, Wrong};

/// Rows of one piece.
const CHUNK: usize = 200;

impl Space {
    /// Puts the rows of a table into its new indexes.
    pub(super) async fn build(&self, change: &Change) -> Result<(), StoreError> {
        for subs in [false, true] {
            let mut after = String::new();
            loop {
                let rows = self.chunk(change, subs, &after).await?;
                let (Some(last), full) = (rows.last(), rows.len() == CHUNK) else { break };
                let next = last.place[1..].to_owned();
                // A row that was written meanwhile is read again.
                if self.put(change, &rows).await? {
                    continue;
                }
                after = next;
                if !full {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn chunk(
        &self,
        change: &Change,
        subs: bool,
        after: &str,
    ) -> Result<Vec<Unindexed>, StoreError> {
        let indexed = || change.schema.columns.iter().filter(|(_, column)| column.index);
        let asked = self.ask(&self.scripts.chunk, ASK, |_, args| {
            args.text(change.table.name).flag(subs).text(after).count(CHUNK);
            args.count(indexed().count());
            for (_, column) in indexed() {
                args.text(&column.name);
            }
            Ok(())
        });
        let (_, _, mut items) = asked.await?;
        let mut rows = Vec::new();
        while !items.is_empty() {
            let row = items.items().and_then(|items| Unindexed::read(items, &change.schema));
            rows.push(row.map_err(|why| ASK.damaged(&why))?);
        }
        Ok(rows)
    }

    /// Whether some rows have changed meanwhile.
    async fn put(&self, change: &Change, rows: &[Unindexed]) -> Result<bool, StoreError> {
        let (table, schema) = (change.table.name, &change.schema);
        let asked = self.ask(&self.scripts.build, ASK, |_, args| {
            args.text(table).count(rows.len());
            for row in rows {
                args.text(&row.place).text(&row.version).count(row.values.len());
                for (number, value) in &row.values {
                    args.uint((*number).into()).bytes(&value[..]);
                    let column = schema.columns.get(number).filter(|column| column.unique);
                    args.flag(column.is_some_and(|it| ordered(&default_of(it.kind)) != *value));
                }
            }
            Ok(())
        });
        let (_, came_to, mut items) = asked.await?;
        if came_to == "done" {
            return items.uint().map(|changed| changed == 1).map_err(|why| ASK.damaged(&why));
        }
        let taken = || -> Result<_, Wrong> {
            let number = u32::try_from(items.uint()?).unwrap_or_default();
            let ((one, _), (other, _)) = (read_place(&items.text()?)?, read_place(&items.text()?)?);
            let name = schema.columns.get(&number).map_or("?", |column| column.name.as_str());
            Ok(column_taken(table, name, &one, &other))
        };
        let mut taken = taken;
        Err(taken().unwrap_or_else(|why| ASK.damaged(&why)))
    }
}

/// A row whose values go into indexes.
struct Unindexed {
    place: String,
    version: String,
    values: Vec<(u32, Vec<u8>)>,
}

impl Unindexed {
    fn read(mut items: Items, schema: &Schema) -> Result<Self, Wrong> {
        let (place, version) = (items.text()?, items.text()?);
        read_place(&place)?;
        let mut values = Vec::new();
        for (number, column) in schema.columns.iter().filter(|(_, column)| column.index) {
            let mut value = items.items()?;
            let value = match value.is_empty() {
                true => default_of(column.kind),
                false => value_of(column.kind, value.bytes()?)?,
            };
            values.push((*number, ordered(&value)));
        }
        Ok(Self { place, version, values })
    }
}
