//! Where the reply to a call goes: exactly one, whatever becomes of the handler.

use std::sync::Arc;

use guildhall_core::status::{Detail, reason};
use guildhall_core::{Code, Effect, Status};
use guildhall_wire::StatusBody;
use guildhall_wire::frame::{Header, LinkKind, error_aux, error_from_aux, put_frame};
use prost::Message;

use crate::out::Out;

/// Where the reply to a call goes. Dropped without one, the caller is told so.
#[derive(Debug)]
pub struct ReplyPort(Option<Port>);

#[derive(Debug)]
struct Port {
    out: Arc<Out>,
    id: u64,
    frame_max: usize,
}

impl ReplyPort {
    /// For casts.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    pub(crate) fn link(out: Arc<Out>, id: u64, frame_max: usize) -> Self {
        Self(Some(Port { out, id, frame_max }))
    }

    /// Sends the reply, encoded straight into what waits for the socket.
    pub fn send<M: Message>(mut self, result: Result<M, Status>) {
        let Some(port) = self.0.take() else { return };
        match result {
            Ok(message) => port.send(&message),
            Err(status) => port.fail(&status),
        }
    }
}

impl Port {
    fn send<M: Message>(&self, message: &M) {
        let header = Header::new(LinkKind::Reply, self.id);
        let put = self.out.put(|out| put_frame(out, self.frame_max, header, None, message));
        if let Ok(Err(too_large)) = put {
            let status = Status::new(Code::ResourceExhausted, format!("the reply: {too_large}"));
            self.fail(&status.with_reason(reason::TOO_LARGE).with_effect(Effect::Ran));
        }
        // A peer that does not read its replies, or is gone, finds its calls failed at its end.
    }

    fn fail(&self, status: &Status) {
        let aux = error_aux(status.code() as u8, status.effect() as u8);
        let header = Header { aux, ..Header::new(LinkKind::Error, self.id) };
        let body = status_body(status);
        let put = self.out.put(|out| put_frame(out, self.frame_max, header, None, &body));
        if let Ok(Err(_)) = put {
            let short = StatusBody { reason: body.reason, ..StatusBody::default() };
            let _closed = self.out.put(|out| put_frame(out, self.frame_max, header, None, &short));
        }
    }
}

impl Drop for ReplyPort {
    fn drop(&mut self) {
        if let Some(port) = self.0.take() {
            let status = Status::new(Code::Cancelled, "the handler was dropped before its end");
            port.fail(&status.with_reason(reason::CANCELLED));
        }
    }
}

fn status_body(status: &Status) -> StatusBody {
    let detail =
        |d: &Detail| guildhall_wire::Detail { r#type: d.kind.clone(), value: d.value.clone() };
    StatusBody {
        message: status.message().to_owned(),
        reason: status.reason(),
        details: status.details().iter().map(detail).collect(),
    }
}

/// The status that an ERROR frame carries.
pub(crate) fn status_from_frame(aux: u16, body: &[u8]) -> Status {
    let (code, effect) = error_from_aux(aux);
    let body = StatusBody::decode(body).unwrap_or_default();
    let status = Status::new(Code::from_number(code), body.message)
        .with_reason(body.reason)
        .with_effect(Effect::from_number(effect));
    let details = body.details.into_iter();
    details.fold(status, |status, d| status.with_detail(Detail { kind: d.r#type, value: d.value }))
}
