//! What the scripts that write are told of tokens, tables and writes.

use guildhall_core::store::ordered::{default_of, ordered};
use guildhall_core::store::{Batch, Guard, Op, Token, Write};

use super::columns::{Seen, Stage};
use super::row::{place_of, raw};
use crate::script::Args;

pub(super) fn push_token(args: &mut Args, token: &Token) {
    let Token { lease, epoch, holder, activation } = token;
    args.text(lease).uint(*epoch).text(&holder.app.to_string());
    args.uint(holder.incarnation.0).uint(*activation);
}

/// The tables of batches with the indexes that have to be kept up; ops name them by their numbers, from 1 on.
pub(super) fn push_tables(args: &mut Args, seen: &Seen, batches: &[&Batch]) -> Vec<&'static str> {
    let ops = batches.iter().flat_map(|batch| &batch.ops);
    let mut tables: Vec<_> = ops.map(|op| op.row.table.name).collect();
    tables.sort_unstable();
    tables.dedup();
    args.count(tables.len());
    for table in &tables {
        let columns = seen.columns(table);
        args.text(table).count(columns.indexed().count());
        for (number, column) in columns.indexed() {
            args.uint(number.into()).flag(column.unique.is_kept());
            args.bytes(ordered(&default_of(column.kind)));
        }
    }
    tables
}

pub(super) fn push_op(args: &mut Args, seen: &Seen, tables: &[&'static str], op: &Op) {
    let at = tables.iter().position(|table| *table == op.row.table.name).unwrap_or(0);
    args.count(at + 1).text(&place_of(&op.row));
    let version = match &op.guard {
        Guard::Owner(token, version) => {
            args.text("o");
            push_token(args, token);
            Some(*version)
        }
        Guard::Version(version) => {
            args.text("v");
            Some(*version)
        }
        Guard::Absent => {
            args.text("a");
            None
        }
    };
    let number = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
    args.bytes(number(version)).bytes(number(version.and_then(|version| version.checked_add(1))));
    let (write, fields) = match &op.write {
        Write::Create(fields) => ("c", &fields[..]),
        Write::Update(fields) => ("u", &fields[..]),
        Write::Delete => ("d", &[][..]),
        Write::Forget => ("f", &[][..]),
    };
    let columns = seen.columns(op.row.table.name);
    let fields = || fields.iter().filter_map(|(n, value)| Some((n, columns.all.get(n)?, value)));
    args.text(write).count(fields().count());
    for (number, column, value) in fields() {
        args.text(&column.name).bytes(raw(value));
        match column.index {
            Stage::None => args.text(""),
            Stage::Building | Stage::Complete => args.uint((*number).into()).bytes(ordered(value)),
        };
    }
    args.flag(op.records.is_some());
    if let Some(records) = &op.records {
        args.bytes(&records[..]);
    }
    args.uint(op.keep_ms);
}
