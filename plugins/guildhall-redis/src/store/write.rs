//! Claims and batches: what the scripts are told, and what their answers mean. The scripts decide by the rules of `fence` in the core; why they
//! refuse is said by `fence` itself.

use guildhall_core::store::fence::{self, Ground};
use guildhall_core::store::index::column_taken;
use guildhall_core::store::{
    Batch, Committed, Floor, Op, Row, RowId, StoreError, StoreErrorKind, Token, Write, local,
};

use super::columns::Seen;
use super::row::{Head, place_of, read_place, read_row};
use super::space::{Ask, Space};
use super::told::{push_op, push_tables, push_token};
use crate::client::Again;
use crate::reply::{Items, Wrong, uint};
use crate::script::holder_of;

/// Batches and bytes of one script: a server does nothing else while it runs.
const GROUP_MAX: usize = 64;
const GROUP_BYTES_MAX: usize = 4 << 20;

impl Space {
    pub(crate) async fn claim(&self, rows: &[RowId], by: &Token) -> Result<Vec<Row>, StoreError> {
        local::check_claim(rows)?;
        let Some(first) = rows.first() else { return Ok(Vec::new()) };
        let subject = first.to_string();
        let ask = Ask { operation: "claim", subject: &subject, again: Again::Yes, writes: true };
        let asked = self.ask(&self.scripts.claim, ask, |_, args| {
            args.flag(self.client.settings.replicas > 0);
            push_token(args, by);
            args.count(rows.len());
            for row in rows {
                args.text(row.table.name).text(&place_of(row));
            }
            Ok(())
        });
        let (seen, came_to, mut items) = asked.await?;
        if came_to == "refused" {
            let refused = refused_claim(&mut items, rows, by);
            return Err(refused.unwrap_or_else(|why| ask.damaged(&why)));
        }
        let row = |id: &RowId| {
            let kept = read_row(items.items()?, &seen.columns(id.table.name))?;
            Ok(kept.ok_or_else(|| "a claimed row is not there".to_owned())?.row)
        };
        rows.iter().map(row).collect::<Result<_, Wrong>>().map_err(|why| ask.damaged(&why))
    }

    pub(crate) async fn commit(&self, batches: &[Batch]) -> Vec<Result<Committed, StoreError>> {
        let mut done: Vec<Option<Result<Committed, StoreError>>> = Vec::new();
        let mut good = Vec::new();
        for batch in batches {
            let checked = local::check_batch(batch);
            if checked.is_ok() {
                good.push(batch);
            }
            done.push(checked.err().map(Err));
        }
        let mut answers = Vec::with_capacity(good.len());
        for group in groups(&good) {
            match self.commit_group(group).await {
                Ok(answered) => answers.extend(answered),
                Err(error) => answers.extend(vec![Err(error); group.len()]),
            }
        }
        let mut answers = answers.into_iter();
        let missing = || {
            let why = "the app has ended";
            Err(StoreError::new(StoreErrorKind::Unknown, "commit", "batch", why))
        };
        done.into_iter()
            .map(|it| it.unwrap_or_else(|| answers.next().unwrap_or_else(missing)))
            .collect()
    }

    async fn commit_group(
        &self,
        batches: &[&Batch],
    ) -> Result<Vec<Result<Committed, StoreError>>, StoreError> {
        let first = batches.first().and_then(|batch| batch.ops.first());
        let subject = first.map_or_else(String::new, |op| op.row.to_string());
        let ask = Ask { operation: "commit", subject: &subject, again: Again::No, writes: true };
        let asked = self.ask(&self.scripts.commit, ask, |seen, args| {
            args.flag(self.client.settings.replicas > 0);
            let tables = push_tables(args, seen, batches);
            args.count(batches.len());
            for batch in batches {
                args.count(batch.ops.len());
                for op in &batch.ops {
                    push_op(args, seen, &tables, op);
                }
            }
            Ok(())
        });
        let (seen, _, mut items) = asked.await?;
        let mut answers = Vec::with_capacity(batches.len());
        for batch in batches {
            let answer = items.items().and_then(|items| answer(items, batch, &seen));
            answers.push(answer.map_err(|why| ask.damaged(&why))?);
        }
        Ok(answers)
    }
}

fn groups<'a, 'b>(batches: &'a [&'b Batch]) -> Vec<&'a [&'b Batch]> {
    let (mut groups, mut from, mut bytes) = (Vec::new(), 0, 0);
    for (at, batch) in batches.iter().enumerate() {
        let size = batch.ops.iter().map(size).sum::<usize>();
        if at > from && (at - from == GROUP_MAX || bytes + size > GROUP_BYTES_MAX) {
            groups.push(&batches[from..at]);
            (from, bytes) = (at, 0);
        }
        bytes += size;
    }
    if from < batches.len() {
        groups.push(&batches[from..]);
    }
    groups
}

fn size(op: &Op) -> usize {
    let (Write::Create(fields) | Write::Update(fields)) = &op.write else { return 0 };
    let value = |value: &guildhall_core::store::Value| match value {
        guildhall_core::store::Value::Text(text) => text.len(),
        guildhall_core::store::Value::Bytes(bytes) => bytes.len(),
        _ => 8,
    };
    let fields = fields.iter().map(|(_, it)| value(it)).sum::<usize>();
    fields + op.records.as_ref().map_or(0, bytes::Bytes::len)
}

fn refused_claim(items: &mut Items, rows: &[RowId], by: &Token) -> Result<StoreError, Wrong> {
    let id = which(items, rows)?;
    let row = Head::listed(&mut items.items()?)?.map(|kept| kept.row);
    let floor = Some(items.text()?).filter(|text| !text.is_empty());
    let floor = floor.map(|text| -> Result<_, Wrong> {
        let (epoch, holder) = text.split_once(' ').ok_or("a floor that is none")?;
        Ok(Floor { epoch: uint(epoch)?, holder: holder_of(holder)? })
    });
    let ground = Ground { floor: floor.transpose()?, version: 0 };
    match fence::claim(row, &ground, id, by) {
        Err(error) => Ok(error),
        Ok(_) => Err("a claim was refused that is none to refuse".to_owned()),
    }
}

fn answer(
    mut items: Items,
    batch: &Batch,
    seen: &Seen,
) -> Result<Result<Committed, StoreError>, Wrong> {
    let came_to = items.text()?;
    if came_to == "done" {
        let versions = batch.ops.iter().map(|_| items.uint()).collect::<Result<_, _>>()?;
        return Ok(Ok(Committed { versions }));
    }
    if came_to == "half" {
        let kind = StoreErrorKind::Refused { row_epoch: items.uint()? };
        let why = "some of its rows have the next version and others do not; end this activation";
        return Ok(Err(StoreError::new(kind, "commit", "batch", why)));
    }
    let op = which(&mut items, &batch.ops)?;
    Ok(Err(match came_to.as_str() {
        "refused" => {
            let row = Head::listed(&mut items.items()?)?.map(|kept| kept.row);
            match fence::write(row, &Ground::default(), op) {
                Err(error) => error,
                Ok(_) => return Err("a write was refused that is none to refuse".to_owned()),
            }
        }
        "kept" => {
            let left = items.uint()?;
            let why = format!("its tombstone is kept for another {left} ms");
            StoreError::new(StoreErrorKind::Invalid, "commit", &op.row, why)
        }
        "taken" => {
            let (number, (other, _)) = (items.uint()?, read_place(&items.text()?)?);
            let number = u32::try_from(number).unwrap_or_default();
            let columns = seen.columns(op.row.table.name);
            let name = columns.all.get(&number).map_or("?", |column| &column.name);
            column_taken(op.row.table.name, name, &op.row.key, &other)
        }
        _ => return Err("an answer of another version".to_owned()),
    }))
}

fn which<'a, T>(items: &mut Items, all: &'a [T]) -> Result<&'a T, Wrong> {
    let at = usize::try_from(items.uint()?).unwrap_or(usize::MAX);
    all.get(at).ok_or_else(|| "an answer about nothing that was asked".to_owned())
}
