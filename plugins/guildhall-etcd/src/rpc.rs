//! The methods of etcd that are used: each request, its answer and its path.

use tonic::codegen::http::uri::PathAndQuery;

use crate::proto::{
    AuthenticateRequest, AuthenticateResponse, LeaseGrantRequest, LeaseGrantResponse,
    LeaseKeepAliveRequest, LeaseKeepAliveResponse, LeaseRevokeRequest, LeaseRevokeResponse,
    RangeRequest, RangeResponse, TxnRequest, TxnResponse,
};

/// A request with one answer.
pub(crate) trait Rpc: prost::Message + Default + 'static {
    type Answer: prost::Message + Default + 'static;

    fn path() -> PathAndQuery;
}

macro_rules! rpcs {
    ($($path:literal: $request:ty => $answer:ty,)*) => {
        $(impl Rpc for $request {
            type Answer = $answer;

            fn path() -> PathAndQuery {
                PathAndQuery::from_static($path)
            }
        })*
    };
}

rpcs! {
    "/etcdserverpb.KV/Range": RangeRequest => RangeResponse,
    "/etcdserverpb.KV/Txn": TxnRequest => TxnResponse,
    "/etcdserverpb.Lease/LeaseGrant": LeaseGrantRequest => LeaseGrantResponse,
    "/etcdserverpb.Lease/LeaseRevoke": LeaseRevokeRequest => LeaseRevokeResponse,
    // A stream of which one request and one answer are used: a stream that ends without an answer is an error then.
    "/etcdserverpb.Lease/LeaseKeepAlive": LeaseKeepAliveRequest => LeaseKeepAliveResponse,
    "/etcdserverpb.Auth/Authenticate": AuthenticateRequest => AuthenticateResponse,
}

pub(crate) fn watch_path() -> PathAndQuery {
    PathAndQuery::from_static("/etcdserverpb.Watch/Watch")
}
