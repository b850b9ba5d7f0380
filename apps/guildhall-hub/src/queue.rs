//! Queue: items in memory.

use std::time::Duration;

use guildhall_core::queue::{Queue as _, QueueError, QueueErrorKind};
use guildhall_core::{Code, Status};
use guildhall_hub::convert;
use guildhall_hub::proto::{self, AckReq, PopReq, PopRsp, PushReq, QueueAbout};
use guildhall_runtime::Cx;

use crate::Hub;

impl proto::Queue for Hub {
    async fn about(&self, _cx: &Cx, _req: ()) -> Result<QueueAbout, Status> {
        let ack_wait = self.parts()?.queue.capabilities().ack_wait.unwrap_or_default();
        Ok(QueueAbout { ack_wait_ms: convert::to_ms(ack_wait) })
    }

    async fn push(&self, _cx: &Cx, req: PushReq) -> Result<(), Status> {
        self.parts()?.queue.push(&req.queue, req.body).await.map_err(refused)
    }

    async fn pop(&self, _cx: &Cx, req: PopReq) -> Result<PopRsp, Status> {
        let parts = self.parts()?;
        let wait = Duration::from_millis(req.wait_ms.min(parts.config.poll_ms));
        let popped = tokio::select! {
            biased;
            () = parts.draining.cancelled() => None,
            popped = parts.queue.pop(&req.queue, wait) => popped.map_err(refused)?,
        };
        Ok(popped.map_or_else(PopRsp::default, |item| PopRsp {
            popped: true,
            body: item.body,
            receipt: item.receipt,
            attempt: item.attempt,
        }))
    }

    async fn ack(&self, _cx: &Cx, req: AckReq) -> Result<(), Status> {
        self.parts()?.queue.ack(&req.queue, &req.receipt).await.map_err(refused)
    }
}

fn refused(error: QueueError) -> Status {
    let code = match error.kind {
        QueueErrorKind::Full => Code::ResourceExhausted,
        QueueErrorKind::Unavailable | QueueErrorKind::Unknown => Code::Unavailable,
    };
    Status::new(code, error.message)
}
