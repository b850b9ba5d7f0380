//! Limits and breakers, checked before a call reaches a handler, a lane or a mailbox.

mod config;
mod queue;
mod window;
mod breaker;
mod rule;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use guildhall_core::config::Config;
use guildhall_core::env::Instant;
use guildhall_core::{MethodDesc, StartError};

pub use config::{BreakerConfig, BreakerKind, LimitConfig, RateConfig};
use guildhall_core::metrics::Metrics;
use rule::{Rule, Rules};

use crate::call::Cx;
use crate::call::body::Body;
use crate::call::reply::ReplyPort;
use crate::call::service::{Guard, HandlerFuture, Incoming, Service};

/// The section of all calls, and what the names of all others begin with.
const SECTION: &str = "limits";

/// What services of the framework are named like: an app whose limits are used up can still be managed.
const OWN: &str = "guildhall.";

/// The rules that one method falls under.
#[derive(Debug)]
struct Limited(Arc<Rules>);

/// All rules of an app, by the name of their section.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllRules(BTreeMap<String, Arc<Rule>>);

impl AllRules {
    /// Reads `[limits]` and its sections for the methods at `paths`. Rules that stay as they were in `old` go on counting.
    pub(crate) fn read(
        config: &Config,
        paths: &[&'static str],
        now: Instant,
        metrics: &Metrics,
        old: &Self,
    ) -> Result<Self, StartError> {
        let mut names: BTreeSet<String> = paths.iter().flat_map(|path| scopes(path)).collect();
        names.remove(SECTION);
        names.iter().for_each(|name| config.claim(name));
        let mut rules = BTreeMap::new();
        let mut read = |name: &str| -> Result<(), StartError> {
            let config: LimitConfig = config.section(name)?;
            config.check(name).map_err(|why| StartError::setting(name, why))?;
            if !config.is_none() {
                let rule = Rule::new(name, config, now, metrics, old.0.get(name))?;
                rules.insert(name.to_owned(), rule);
            }
            Ok(())
        };
        read(SECTION)?;
        names.iter().filter(|name| config.is_set(name)).try_for_each(|name| read(name))?;
        Ok(Self(rules))
    }

    /// The rules of a method, if there are any.
    pub(crate) fn guard(&self, path: &str) -> Option<Box<dyn Guard>> {
        let rules: Rules = scopes(path).iter().filter_map(|it| self.0.get(it).cloned()).collect();
        (!rules.is_empty()).then(|| Box::new(Limited(Arc::new(rules))) as Box<dyn Guard>)
    }
}

/// The sections that a method falls under, its own first.
fn scopes(path: &str) -> Vec<String> {
    let method = path.trim_start_matches('/');
    let service = method.split('/').next().unwrap_or_default();
    let mut scopes = vec![format!("{SECTION}.{method}"), format!("{SECTION}.{service}")];
    if !service.starts_with(OWN) {
        scopes.push(SECTION.to_owned());
    }
    scopes
}

impl Guard for Limited {
    /// Begins a call if its rules let it through, now or soon; or refuses it.
    fn dispatch(
        &self,
        service: &Arc<dyn Service>,
        mut call: Incoming<'_>,
    ) -> Option<HandlerFuture> {
        let rules = Arc::clone(&self.0);
        if let Err(status) = rules.take_rates(call.cx.env().now()) {
            call.reply.send::<()>(Err(status));
            return None;
        }
        if rules.hold_back() {
            let Incoming { cx, method, body, reply, .. } = call;
            let (service, body) = (Arc::clone(service), body.keep().bytes());
            return Some(Box::pin(hold(service, rules, cx, method, body, reply)));
        }
        match rules.begin(&call.cx) {
            Ok(ticket) => call.reply.carry(Box::new(ticket)),
            Err(status) => {
                call.reply.send::<()>(Err(status));
                return None;
            }
        }
        service.dispatch(call)
    }
}

/// Begins a call when its time has come.
async fn hold(
    service: Arc<dyn Service>,
    rules: Arc<Rules>,
    cx: Cx,
    method: &'static MethodDesc,
    body: Bytes,
    mut reply: ReplyPort,
) {
    let places = rules.wait(&cx).await;
    let begun = places.and_then(|places| Ok((places, rules.begin(&cx)?)));
    let handler = match begun {
        Ok((_places, ticket)) => {
            reply.carry(Box::new(ticket));
            let body = guildhall_link::Body { bytes: &body, chunk: &mut BytesMut::new() };
            let body = Body::Read(body);
            service.dispatch(Incoming { cx, method, body, reply })
        }
        Err(status) => return reply.send::<()>(Err(status)),
    };
    if let Some(handler) = handler {
        handler.await;
    }
}
