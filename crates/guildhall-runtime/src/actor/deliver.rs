//! Sends one message of an outbox, once; the outbox schedules retries.

use std::sync::Arc;

use bytes::Bytes;
use guildhall_core::rpc::{RawBody, find_key};
use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, KeyText, Status, outside};
use guildhall_wire::{Head, Sender};

use super::key::with_key;
use super::outbox::{Answered, Drained, Sending};
use crate::app::AppInner;
use crate::call::{Target, call_encoded};
use crate::chain::Callee;
use crate::cx::Cx;

/// From this attempt on, about a minute after the first one, the log says loudly that a message waits.
const LOUD_FROM: u32 = 9;

/// Whose outbox it is.
pub(super) trait Sends: Callee {
    /// The receiver has answered; whether it has refused, for good.
    fn answered(self: Arc<Self>, number: u64, answer: Answered) -> bool;
}

/// Sends a message and waits for the answer, for as long as `outbox.timeout_ms`.
pub(super) async fn deliver(app: Arc<AppInner>, sender: Arc<dyn Sends>, sending: Sending) {
    let Sending { number, low, tries, message } = sending;
    let actor = sender.id().to_owned();
    let head = Head { sender: Some(Sender { actor, number, low }), ..Head::default() };
    let cx = Cx {
        deadline: Some(app.env.now() + app.outbox.timeout()),
        head: Some(Arc::new(head)),
        is_command: true,
        ..Cx::outside(Arc::clone(&app))
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
        app.counters.outbox_refused.add(1);
        tracing::warn!(%actor, method, %key, number, %status, "a message was refused");
    } else {
        app.counters.outbox_retries.add(1);
        if tries >= LOUD_FROM {
            tracing::warn!(%actor, method, %key, number, tries, %status, "a message waits for long");
        } else {
            tracing::debug!(%actor, method, %key, number, tries, %status, "a message waits");
        }
    }
}

/// How often a receiver is told that it may forget a sender.
const TELLS: u32 = 6;

/// Tells a receiver that no message of a sender is under way to it any more. Where that fails it remembers the sender for longer than
/// it must, and nothing else.
pub(super) async fn tell(app: Arc<AppInner>, sender: String, drained: Drained) {
    /// One of `outbox.tells_max`.
    struct Place(Arc<AppInner>);
    impl Drop for Place {
        fn drop(&mut self) {
            self.0.tells.end();
        }
    }
    let max = app.outbox.tells_max;
    if app.tells.get() >= max {
        tracing::debug!(max, sender, "a receiver is not told that it may forget a sender");
        return;
    }
    app.tells.begin();
    let _place = Place(Arc::clone(&app));
    let Drained { method, key, low, doubtful } = drained;
    let Some(field) = method.key else { return };
    if doubtful {
        app.env.sleep(app.outbox.late()).await;
    }
    let head = Head { sender: Some(Sender { actor: sender, number: 0, low }), ..Head::default() };
    let head = Some(Arc::new(head));
    let body = with_key(&Bytes::new(), field, &key);
    for tries in 0..TELLS {
        let deadline = Some(app.env.now() + app.outbox.timeout());
        let outside = Cx::outside(Arc::clone(&app));
        let cx = Cx { deadline, head: head.clone(), is_command: true, ..outside };
        let key = find_key(&body, field).unwrap_or(KeyText::None);
        let told = call_encoded(&cx, method, &Target::Default, key, &RawBody::new(&body)).await;
        match told.as_ref().err().map_or(Answered::Taken, meaning) {
            Answered::NotNow | Answered::Unknown => {}
            Answered::Taken | Answered::Refused | Answered::Impossible => return,
        }
        app.env.sleep(app.outbox.pause(tries)).await;
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
