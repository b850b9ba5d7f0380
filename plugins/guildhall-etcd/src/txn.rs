//! Short forms of etcd's transactions and of their answers.

use std::time::Duration;

use bytes::Bytes;

use crate::fault::Fault;
use crate::proto::compare::{CompareResult, CompareTarget, TargetUnion};
use crate::proto::request_op::Request;
use crate::proto::response_op::Response;
use crate::proto::{
    Compare, DeleteRangeRequest, KeyValue, PutRequest, RangeRequest, RequestOp, ResponseHeader,
    ResponseOp, TxnRequest, TxnResponse,
};

/// The key was written last at this revision; 0: it is not there.
pub(crate) fn is_at(key: &Bytes, mod_revision: i64) -> Compare {
    compare(key, CompareTarget::Mod, TargetUnion::ModRevision(mod_revision))
}

/// The key ends with this lease.
pub(crate) fn has_lease(key: &Bytes, lease: i64) -> Compare {
    compare(key, CompareTarget::Lease, TargetUnion::Lease(lease))
}

fn compare(key: &Bytes, target: CompareTarget, to: TargetUnion) -> Compare {
    let result = CompareResult::Equal.into();
    Compare { result, target: target.into(), key: key.clone(), target_union: Some(to) }
}

pub(crate) fn get(key: &Bytes) -> RequestOp {
    let range = RangeRequest { key: key.clone(), ..RangeRequest::default() };
    RequestOp { request: Some(Request::RequestRange(range)) }
}

pub(crate) fn put(key: &Bytes, value: impl Into<Bytes>, lease: i64) -> RequestOp {
    let put = PutRequest { key: key.clone(), value: value.into(), lease, ..PutRequest::default() };
    RequestOp { request: Some(Request::RequestPut(put)) }
}

/// Writes the key's value again, which gives it a new revision.
pub(crate) fn touch(key: &Bytes, lease: i64) -> RequestOp {
    let put = PutRequest { key: key.clone(), lease, ignore_value: true, ..PutRequest::default() };
    RequestOp { request: Some(Request::RequestPut(put)) }
}

pub(crate) fn delete(key: &Bytes) -> RequestOp {
    let delete = DeleteRangeRequest { key: key.clone(), ..DeleteRangeRequest::default() };
    RequestOp { request: Some(Request::RequestDeleteRange(delete)) }
}

pub(crate) fn nested(txn: TxnRequest) -> RequestOp {
    RequestOp { request: Some(Request::RequestTxn(txn)) }
}

/// A transaction: what is done if all comparisons hold, and what if not.
pub(crate) fn txn(
    compare: impl Into<Vec<Compare>>,
    success: impl Into<Vec<RequestOp>>,
    failure: impl Into<Vec<RequestOp>>,
) -> TxnRequest {
    TxnRequest { compare: compare.into(), success: success.into(), failure: failure.into() }
}

/// The revision at which the server answered.
pub(crate) fn revision_of(header: Option<&ResponseHeader>) -> Result<i64, Fault> {
    let revision = header.map(|header| header.revision).filter(|revision| *revision > 0);
    revision.ok_or(Fault::Garbled("no revision"))
}

/// The answers to the operations of a transaction, of which there were `count`.
pub(crate) fn answers(txn: TxnResponse, count: usize) -> Result<Vec<ResponseOp>, Fault> {
    let fits = txn.responses.len() == count;
    fits.then_some(txn.responses)
        .ok_or(Fault::Garbled("another number of parts than was asked for"))
}

/// The answer to [`get`]: the key, if it is there.
pub(crate) fn got(answer: ResponseOp) -> Result<Option<KeyValue>, Fault> {
    match answer.response {
        Some(Response::ResponseRange(range)) => Ok(range.kvs.into_iter().next()),
        _ => Err(Fault::Garbled("something else than the key that was asked for")),
    }
}

/// The answer to [`nested`].
pub(crate) fn inner(answer: ResponseOp) -> Result<TxnResponse, Fault> {
    match answer.response {
        Some(Response::ResponseTxn(txn)) => Ok(txn),
        _ => Err(Fault::Garbled("something else than the transaction that was asked for")),
    }
}

/// The one part of an answer.
pub(crate) fn only(txn: TxnResponse) -> Result<ResponseOp, Fault> {
    answers(txn, 1)?.pop().ok_or(Fault::Garbled("no part"))
}

/// A TTL as etcd counts it: whole seconds, and never less than was asked for.
pub(crate) fn seconds(ttl: Duration) -> i64 {
    let seconds = ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0);
    i64::try_from(seconds.max(1)).unwrap_or(i64::MAX)
}
