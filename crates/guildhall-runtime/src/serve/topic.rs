//! Topics: casts through the broker to subscribed apps, each of which calls its own service.

mod config;
mod follow;

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use bytes::BytesMut;
use guildhall_core::backend::Lazy;
use guildhall_core::broker::{self, Broker, BrokerError, MESSAGE_MAX};
use guildhall_core::status::reason;
use guildhall_core::{AppId, Code, Effect, MethodDesc, ServiceDesc, Status};
use guildhall_link::put_request;
use guildhall_wire::Head;
use guildhall_wire::frame::{Header, LinkKind};
use parking_lot::Mutex;
use prost::Message;
use tokio::task::JoinHandle;

use crate::call;
use crate::call::Cx;

pub use config::BrokerConfig;
use follow::Follow;

/// The topics that an app has subscribed to, by their full names.
pub(crate) struct Topics {
    config: BrokerConfig,
    broker: Lazy<dyn Broker>,
    joined: Mutex<BTreeMap<String, Weak<Joined>>>,
}

/// A subscription: the app's service is called with each cast to a topic, until the last clone of this is dropped.
///
/// Casts are lost while the app is too slow (`broker.buffer`) or the broker is unavailable: `guildhall_topic_lost_total` counts the
/// former. After an outage of the broker the topic is subscribed again.
#[derive(Clone)]
#[must_use = "the subscription ends when this is dropped"]
pub struct Subscribed(Arc<Joined>);

struct Joined {
    topics: Arc<Topics>,
    name: String,
    task: JoinHandle<Option<()>>,
}

impl Topics {
    pub(crate) fn new(config: BrokerConfig, broker: Lazy<dyn Broker>) -> Self {
        Self { config, broker, joined: Mutex::default() }
    }

    fn find(&self, name: &str) -> Option<Subscribed> {
        self.joined.lock().get(name)?.upgrade().map(Subscribed)
    }
}

/// Topics of different worlds and services are different topics.
fn full_name(app: &AppId, service: &str, topic: &str) -> String {
    format!("{}.{}.{service}.{topic}", app.env(), app.world())
}

/// Casts to those that have subscribed. Session and caller stay behind: a broker does not authenticate publishers.
pub(crate) async fn cast<Req: Message>(
    cx: &Cx,
    method: &'static MethodDesc,
    topic: &str,
    req: &Req,
) -> Result<(), Status> {
    call::cast_by(cx, method, |head| publish(cx, method, topic, head, req)).await
}

async fn publish<Req: Message>(
    cx: &Cx,
    method: &'static MethodDesc,
    topic: &str,
    head: Option<Arc<Head>>,
    req: &Req,
) -> Result<(), Status> {
    let name = full_name(&cx.core.id, method.service, topic);
    broker::check("publish", &name, &[]).map_err(|e| refused(&e))?;
    let now = cx.core.env.now();
    let deadline = call::deadline(cx, method, now);
    let head = head.map(|head| Head { session: None, ..Arc::unwrap_or_clone(head) });
    let (mut frame, header) = (BytesMut::new(), Header::new(LinkKind::Cast, 0));
    let header = Header { method: method.id, ..header };
    let left = deadline.saturating_duration_since(now);
    let put = put_request(&mut frame, MESSAGE_MAX, header, left, head.as_ref(), req);
    put.map_err(|too_large| {
        let why = format!("the request of {} for {topic}: {too_large}", method.path);
        Status::not_run(Code::ResourceExhausted, reason::TOO_LARGE, why)
    })?;
    let published = async {
        let broker = cx.core.part::<Topics>().broker.get().await?;
        broker.publish(&name, frame.freeze()).await.map_err(|e| lost(&e))
    };
    let published = cx.core.env.until(deadline, published).await;
    published.unwrap_or_else(|| Err(late("publish", &name)))
}

/// Has this app's own `service` called with what is cast to `topic` from now on. A second subscription to one topic shares the
/// first: each cast is dispatched once per app.
///
/// # Errors
/// This app does not serve it, the topic is none, there are too many, or the broker cannot be reached.
///
/// # Cancel safety
/// Dropped before its end it leaves no subscription.
pub async fn subscribe(
    cx: &Cx,
    service: &'static ServiceDesc,
    topic: &str,
) -> Result<Subscribed, Status> {
    let (core, topics) = (&cx.core, cx.core.shared::<Topics>());
    if !core.services.names.iter().any(|name| name == service.name) {
        let why = format!("{} does not serve {}: who should be called?", core.id, service.name);
        return Err(Status::not_run(Code::FailedPrecondition, reason::NO_SUCH_METHOD, why));
    }
    let name = full_name(&core.id, service.name, topic);
    broker::check("subscribe", &name, &[]).map_err(|e| refused(&e))?;
    if let Some(subscribed) = topics.find(&name) {
        return Ok(subscribed);
    }
    let follow = Follow::new(core, &topics, service, &name);
    let deadline = call::default_deadline(cx, core.env.now());
    let subscription = core.env.until(deadline, follow.subscribe()).await;
    let subscription = subscription.unwrap_or_else(|| Err(late("subscribe", &name)))?;
    let mut joined = topics.joined.lock();
    // Another task has subscribed meanwhile.
    if let Some(subscribed) = joined.get(&name).and_then(Weak::upgrade) {
        return Ok(Subscribed(subscribed));
    }
    let max = topics.config.subscriptions_max;
    if joined.len() >= max {
        let why = format!("this app has {max} topics (broker.subscriptions_max); drop some");
        return Err(Status::not_run(Code::ResourceExhausted, reason::OVERLOADED, why));
    }
    let task = core.env.spawn("topic", follow.drive(subscription));
    let subscribed = Joined { topics: Arc::clone(&topics), name: name.clone(), task };
    let subscribed = Arc::new(subscribed);
    joined.insert(name, Arc::downgrade(&subscribed));
    Ok(Subscribed(subscribed))
}

impl Drop for Joined {
    fn drop(&mut self) {
        self.task.abort();
        let mut joined = self.topics.joined.lock();
        // Another subscription may have taken the place since the last holder dropped this one.
        if joined.get(&self.name).is_some_and(|it| std::ptr::eq(it.as_ptr(), self)) {
            joined.remove(&self.name);
        }
    }
}

impl std::fmt::Debug for Subscribed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Subscribed").field(&self.0.name).finish()
    }
}

fn refused(error: &BrokerError) -> Status {
    Status::not_run(Code::InvalidArgument, reason::BAD_REQUEST, error.to_string())
}

/// What the broker did not do, or did without saying so.
fn lost(error: &BrokerError) -> Status {
    let status = Status::new(Code::Unavailable, error.to_string()).with_reason(reason::LOST);
    status.with_effect(Effect::MayHaveRun)
}

fn late(operation: &str, name: &str) -> Status {
    let why = format!("broker {operation}: the deadline was over before {name} was done");
    let status = Status::new(Code::DeadlineExceeded, why).with_reason(reason::EXPIRED);
    status.with_effect(Effect::MayHaveRun)
}
