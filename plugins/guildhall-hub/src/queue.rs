//! The [`Queue`] seam over a hub.

use std::time::Duration;

use bytes::Bytes;
use guildhall_core::queue::{Popped, Queue, QueueCapabilities, QueueError, QueueErrorKind};
use guildhall_core::{BoxFuture, Code, Effect, Status};

use crate::convert;
use crate::link::{HubLink, told};
use crate::proto::{AckReq, PopReq, PopRsp, PushReq, QueueClient};
use crate::stream::POLL;

/// The queues of the hub.
#[derive(Debug)]
pub struct HubQueue {
    link: HubLink,
    ack_wait: Duration,
}

impl HubQueue {
    /// Asks the hub what its queues can do.
    pub(crate) async fn new(link: HubLink) -> Result<Self, Status> {
        let about = QueueClient::new(link.cx()).at(link.id()).about(()).await?;
        Ok(Self { link, ack_wait: Duration::from_millis(about.ack_wait_ms) })
    }
}

impl Queue for HubQueue {
    fn capabilities(&self) -> QueueCapabilities {
        QueueCapabilities {
            ack_wait: Some(self.ack_wait),
            returns_on_disconnect: false,
            durable: false,
        }
    }

    fn push<'a>(&'a self, queue: &'a str, body: Bytes) -> BoxFuture<'a, Result<(), QueueError>> {
        Box::pin(async move {
            let req = PushReq { queue: queue.to_owned(), body };
            let pushed = QueueClient::new(self.link.cx()).at(self.link.id()).push(req).await;
            pushed.map_err(|status| failed("push", &status))
        })
    }

    fn pop<'a>(
        &'a self,
        queue: &'a str,
        wait: Duration,
    ) -> BoxFuture<'a, Result<Option<Popped>, QueueError>> {
        Box::pin(async move {
            let env = self.link.env();
            let end = env.now() + wait;
            loop {
                let left = end.saturating_duration_since(env.now());
                let wait_ms = convert::to_ms(left.min(POLL));
                let req = PopReq { queue: queue.to_owned(), wait_ms };
                let popped = QueueClient::new(self.link.cx()).at(self.link.id()).pop(req).await;
                let PopRsp { popped, body, receipt, attempt } =
                    popped.map_err(|status| failed("pop", &status))?;
                if popped {
                    return Ok(Some(Popped { body, receipt, attempt }));
                }
                if env.now() >= end {
                    return Ok(None);
                }
            }
        })
    }

    fn ack<'a>(
        &'a self,
        queue: &'a str,
        receipt: &'a str,
    ) -> BoxFuture<'a, Result<(), QueueError>> {
        Box::pin(async move {
            let req = AckReq { queue: queue.to_owned(), receipt: receipt.to_owned() };
            let done = QueueClient::new(self.link.cx()).at(self.link.id()).ack(req).await;
            done.map_err(|status| failed("ack", &status))
        })
    }
}

fn failed(operation: &'static str, status: &Status) -> QueueError {
    let kind = match (status.effect(), status.code()) {
        (Effect::Ran, Code::ResourceExhausted) => QueueErrorKind::Full,
        (Effect::MayHaveRun, _) => QueueErrorKind::Unknown,
        _ => QueueErrorKind::Unavailable,
    };
    QueueError { kind, operation, message: told(status) }
}
