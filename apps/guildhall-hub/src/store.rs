//! Store: rows in the file, through the embedded store, which groups the writes of all clients.

use guildhall_core::Status;
use guildhall_core::store::{Batch, Migrate, Query, RowId, Store as _, StoreError, StoreErrorKind};
use guildhall_hub::convert::{self, store_refusal};
use guildhall_hub::proto::{
    self, BatchRsp, ClaimReq, CommitReq, CommitRsp, KeyedRow, MaybeRow, PrepareReq, QueryReq,
    QueryRsp, ReadReq, RowsRsp, StoreFailure, StoreRsp, TombstonesReq, TombstonesRsp,
    store_failure::Kind,
};
use guildhall_runtime::Cx;
use prost::Message as _;

use crate::Hub;
use crate::hub::{Parts, nonsense};

/// Bytes of rows in one page of a query.
const PAGE_BYTES: usize = 1 << 20;

impl proto::Store for Hub {
    async fn prepare(&self, _cx: &Cx, req: PrepareReq) -> Result<StoreRsp, Status> {
        let parts = self.parts()?;
        let intern = |of: &proto::Table| {
            let wrong = |why| StoreError::new(StoreErrorKind::Invalid, "prepare", &of.name, why);
            parts.tables.intern(of).map_err(wrong)
        };
        let migrate = if req.check { Migrate::Check } else { Migrate::Auto };
        let prepared = match req.tables.iter().map(intern).collect::<Result<Vec<_>, _>>() {
            Ok(tables) => parts.store.prepare(&tables, migrate).await,
            Err(error) => Err(error),
        };
        Ok(StoreRsp { failure: prepared.err().map(store_refusal) })
    }

    async fn claim(&self, _cx: &Cx, req: ClaimReq) -> Result<RowsRsp, Status> {
        let parts = self.parts()?;
        let by = convert::from_token(req.by).ok_or_else(|| nonsense("token"))?;
        let Some(ids) = ids(parts, req.rows) else { return Ok(rows(Err(unprepared()))) };
        let claimed = parts.store.claim(&ids, by).await.map_err(store_refusal);
        let some = |row| MaybeRow { row: Some(convert::row(&row)) };
        Ok(rows(claimed.map(|claimed| claimed.into_iter().map(some).collect())))
    }

    async fn read(&self, _cx: &Cx, req: ReadReq) -> Result<RowsRsp, Status> {
        let parts = self.parts()?;
        let Some(ids) = ids(parts, req.rows) else { return Ok(rows(Err(unprepared()))) };
        let read = parts.store.read(&ids).await.map_err(store_refusal);
        let maybe = |row: Option<_>| MaybeRow { row: row.as_ref().map(convert::row) };
        Ok(rows(read.map(|read| read.into_iter().map(maybe).collect())))
    }

    async fn commit(&self, _cx: &Cx, req: CommitReq) -> Result<CommitRsp, Status> {
        let parts = self.parts()?;
        let count = req.batches.len();
        let mut batches = Vec::with_capacity(count);
        for batch in req.batches {
            let mut ops = Vec::with_capacity(batch.ops.len());
            for op in batch.ops {
                let id = op.row.as_ref().ok_or_else(|| nonsense("row"))?;
                let Some(table) = parts.tables.get(id.table) else {
                    // All of them: nothing is written then, and the client sends it again as a whole.
                    let refused = BatchRsp { failure: Some(unprepared()), versions: Vec::new() };
                    return Ok(CommitRsp { batches: vec![refused; count] });
                };
                ops.push(convert::from_op(op, table).ok_or_else(|| nonsense("write"))?);
            }
            batches.push(Batch { ops });
        }
        let done = parts.store.commit(batches).await.into_iter().map(|done| match done {
            Ok(done) => BatchRsp { failure: None, versions: done.versions },
            Err(error) => BatchRsp { failure: Some(store_refusal(error)), versions: Vec::new() },
        });
        Ok(CommitRsp { batches: done.collect() })
    }

    async fn query(&self, _cx: &Cx, req: QueryReq) -> Result<QueryRsp, Status> {
        let parts = self.parts()?;
        let failed = |failure| QueryRsp { failure: Some(failure), ..QueryRsp::default() };
        let Some(table) = parts.tables.get(req.table) else { return Ok(failed(unprepared())) };
        let conditions = req.conditions.into_iter().map(convert::from_condition);
        let conditions = conditions.collect::<Option<_>>().ok_or_else(|| nonsense("condition"))?;
        let limit = usize::try_from(req.limit).unwrap_or(usize::MAX);
        let after = req.after.map(|at| convert::from_cursor(at).ok_or_else(|| nonsense("cursor")));
        let order = convert::from_order(req.order);
        let (after, keys_only) = (after.transpose()?, req.keys_only);
        let query = Query { table, conditions, order, after, limit, keys_only };
        let page = match parts.store.query(&query).await {
            Ok(page) => page,
            Err(error) => return Ok(failed(store_refusal(error))),
        };
        let (mut rows, mut bytes) = (Vec::with_capacity(page.rows.len()), 0);
        for (key, row) in &page.rows {
            let row = KeyedRow { key: key.to_string(), row: Some(convert::row(row)) };
            bytes += row.encoded_len();
            // What does not fit comes with the next page; one row always goes.
            if bytes > PAGE_BYTES && !rows.is_empty() {
                break;
            }
            rows.push(row);
        }
        let next = match rows.len().checked_sub(1).and_then(|last| page.rows.get(last)) {
            Some((key, row)) if rows.len() < page.rows.len() => Some(query.cursor(key, row)),
            _ => page.next,
        };
        Ok(QueryRsp { failure: None, rows, next: next.as_ref().map(convert::cursor) })
    }

    async fn tombstones(&self, _cx: &Cx, req: TombstonesReq) -> Result<TombstonesRsp, Status> {
        let parts = self.parts()?;
        let failed = |failure| TombstonesRsp { failure: Some(failure), tombstones: Vec::new() };
        let Some(table) = parts.tables.get(req.table) else { return Ok(failed(unprepared())) };
        let after = req
            .after
            .map(|of| convert::from_tombstone(of, table).ok_or_else(|| nonsense("tombstone")));
        let limit = usize::try_from(req.limit).unwrap_or(usize::MAX);
        let page = parts.store.tombstones(table, after.transpose()?.as_ref(), limit).await;
        Ok(match page {
            Ok(page) => {
                let tombstones = page.iter().map(convert::tombstone).collect();
                TombstonesRsp { failure: None, tombstones }
            }
            Err(error) => failed(store_refusal(error)),
        })
    }

    async fn probe(&self, _cx: &Cx, (): ()) -> Result<StoreRsp, Status> {
        let probed = self.parts()?.store.probe().await;
        Ok(StoreRsp { failure: probed.err().map(store_refusal) })
    }
}

/// `None` when a table is not known.
fn ids(parts: &Parts, rows: Vec<proto::RowId>) -> Option<Vec<RowId>> {
    let id = |id: proto::RowId| {
        let table = parts.tables.get(id.table)?;
        Some(convert::from_row_id(id, table))
    };
    rows.into_iter().map(id).collect()
}

fn rows(rows: Result<Vec<MaybeRow>, StoreFailure>) -> RowsRsp {
    match rows {
        Ok(rows) => RowsRsp { failure: None, rows },
        Err(failure) => RowsRsp { failure: Some(failure), rows: Vec::new() },
    }
}

fn unprepared() -> StoreFailure {
    StoreFailure {
        kind: Kind::NotPrepared.into(),
        subject: "table".to_owned(),
        message: "it was not prepared since the hub was started; prepare it".to_owned(),
        row_epoch: 0,
    }
}
