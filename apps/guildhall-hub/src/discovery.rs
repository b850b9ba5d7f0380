//! Discovery: registrations in memory, as long as their apps renew them.

use std::time::Duration;

use bytes::Bytes;
use guildhall_core::discovery::{Change, Discovery as _, DiscoveryError, NodeRecord};
use guildhall_core::{BoxFuture, Code, Status};
use guildhall_hub::convert;
use guildhall_hub::proto::{self, Holder, RegisterReq, StreamRsp};
use guildhall_runtime::Cx;
use prost::Message as _;
use tokio::sync::mpsc;

use crate::Hub;
use crate::hub::nonsense;
use crate::streams::Source;

impl proto::Discovery for Hub {
    async fn register(&self, _cx: &Cx, req: RegisterReq) -> Result<(), Status> {
        let record = NodeRecord::decode(&req.record).map_err(|_| nonsense("record"))?;
        let ttl = Duration::from_millis(req.ttl_ms);
        self.parts()?.discovery.register(&record, ttl).await.map_err(refused)
    }

    async fn deregister(&self, _cx: &Cx, req: Holder) -> Result<(), Status> {
        let who = convert::from_holder(Some(req)).ok_or_else(|| nonsense("app"))?;
        self.parts()?.discovery.deregister(&who.app, who.incarnation).await.map_err(refused)
    }

    async fn watch(&self, _cx: &Cx, _req: ()) -> Result<StreamRsp, Status> {
        let parts = self.parts()?;
        let changes = parts.discovery.watch().await.map_err(refused)?;
        parts.streams.open(Watch(changes))
    }
}

struct Watch(mpsc::Receiver<Change>);

impl Source for Watch {
    fn next(&mut self) -> BoxFuture<'_, Option<Bytes>> {
        Box::pin(async move {
            let change = convert::node_change(&self.0.recv().await?)?;
            Some(change.encode_to_vec().into())
        })
    }
}

fn refused(error: DiscoveryError) -> Status {
    Status::new(Code::FailedPrecondition, error.message)
}
