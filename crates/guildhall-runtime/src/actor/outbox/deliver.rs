//! Sends one message of an outbox once. The outbox decides when to retry.

use std::sync::Arc;

use bytes::Bytes;
use guildhall_core::rpc::{RawBody, find_key};
use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, KeyText, Status, outside};
use guildhall_wire::{Head, Sender};

use super::OutboxPart;
use super::messages::{Answered, Drained, Sending};
use crate::actor::key::with_key;
use crate::call::Cx;
use crate::call::chain::Callee;
use crate::call::{Target, call_encoded};

/// Attempts after which a message that waits is logged as a warning: about a minute after the first one.
const LOUD_FROM: u32 = 9;

/// The actor whose outbox has the message.
pub(crate) trait Sends: Callee {
    /// The receiver has answered; whether it has refused the message for good.
    fn answered(self: Arc<Self>, number: u64, answer: Answered) -> bool;
}

/// Sends a message and waits for the answer, for as long as `outbox.timeout_ms`.
pub(crate) async fn deliver(
    outbox: Arc<OutboxPart>,
    cx: Cx,
    sender: Arc<dyn Sends>,
    sending: Sending,
) {
    let core = Arc::clone(&cx.core);
    let Sending { number, low, tries, message } = sending;
    let actor = sender.id().to_owned();
    let head = Head { sender: Some(Sender { actor, number, low }), ..Head::default() };
    let cx = Cx {
        deadline: Some(core.env.now() + outbox.config.timeout()),
        head: Some(Arc::new(head)),
        is_command: true,
        ..cx
    };
    let method = message.method;
    let key = method.key.and_then(|field| find_key(&message.body, field).ok());
    let key = key.unwrap_or(KeyText::None);
    let body = RawBody::new(&message.body);
    let called = call_encoded(&cx, method, &Target::Default, key, &body).await;
    let answer = called.as_ref().err().map_or(Answered::Taken, meaning);
    let refused = Arc::clone(&sender).answered(number, answer);
    let Err(status) = called else { return };
    let (actor, method, key) = (outside(sender.id()), method.path, outside(message.key.as_str()));
    if refused {
        core.counters.outbox_refused.add(1);
        tracing::warn!(%actor, method, %key, number, %status, "outbox message refused by its receiver");
    } else {
        core.counters.outbox_retries.add(1);
        if tries >= LOUD_FROM {
            tracing::warn!(%actor, method, %key, number, tries, %status, "an outbox message has waited for long; still retrying");
        } else {
            tracing::debug!(%actor, method, %key, number, tries, %status, "an outbox message was not delivered; retrying");
        }
    }
}

/// Attempts to tell a receiver that it may forget a sender.
const TELLS: u32 = 6;

/// Tells a receiver that no message of a sender is under way to it any more. Where that fails it remembers the sender for longer than
/// it must, and nothing else.
pub(crate) async fn tell(outbox: Arc<OutboxPart>, outside: Cx, sender: String, drained: Drained) {
    let core = Arc::clone(&outside.core);
    /// One of `outbox.tells_max`.
    struct Place(Arc<OutboxPart>);
    impl Drop for Place {
        fn drop(&mut self) {
            self.0.tells.end();
        }
    }
    let max = outbox.config.tells_max;
    if outbox.tells.get() >= max {
        tracing::debug!(max, sender, "drained notice of an outbox not delivered");
        return;
    }
    outbox.tells.begin();
    let _place = Place(Arc::clone(&outbox));
    let Drained { method, key, low, doubtful } = drained;
    let Some(field) = method.key else { return };
    if doubtful {
        core.env.sleep(outbox.config.late()).await;
    }
    let head = Head { sender: Some(Sender { actor: sender, number: 0, low }), ..Head::default() };
    let head = Some(Arc::new(head));
    let body = with_key(&Bytes::new(), field, key.as_str());
    for tries in 0..TELLS {
        let deadline = Some(core.env.now() + outbox.config.timeout());
        let cx = Cx { deadline, head: head.clone(), is_command: true, ..outside.clone() };
        let key = find_key(&body, field).unwrap_or(KeyText::None);
        let told = call_encoded(&cx, method, &Target::Default, key, &RawBody::new(&body)).await;
        match told.as_ref().err().map_or(Answered::Taken, meaning) {
            Answered::NotNow | Answered::Unknown => {}
            Answered::Taken | Answered::Refused | Answered::Impossible => return,
        }
        core.env.sleep(outbox.config.pause(tries)).await;
    }
}

/// What an error says of the message.
fn meaning(status: &Status) -> Answered {
    let never =
        matches!(status.code(), Code::NotFound | Code::InvalidArgument | Code::Unimplemented)
            || status.reason() == reason::TOO_LARGE;
    match status.effect() {
        Effect::Ran => Answered::Refused,
        Effect::NotRun if never => Answered::Impossible,
        Effect::NotRun => Answered::NotNow,
        Effect::MayHaveRun => Answered::Unknown,
    }
}
