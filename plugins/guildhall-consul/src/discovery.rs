//! The [`Discovery`] seam on Consul: a service per app, with a check that its app renews.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::discovery::{Change, Discovery, DiscoveryError, NodeRecord};
use guildhall_core::env::Instant;
use guildhall_core::{AppId, BoxFuture, Env, Incarnation};
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::mpsc;

use crate::client::Client;
use crate::config::Settings;
use crate::fault::Fault;
use crate::health::Service;
use crate::meta;
use crate::view::View;

/// How long an agent keeps the service of an app that has crashed; a minute is the least.
const FORGET: Duration = Duration::from_secs(600);

/// The registrations of one deployment.
#[derive(Debug)]
pub struct ConsulDiscovery {
    client: Arc<Client>,
    service: String,
    view: Arc<View>,
    /// What this client has registered: one app, outside of tests.
    registered: Mutex<BTreeMap<AppId, Registered>>,
}

#[derive(Debug)]
struct Registered {
    node: NodeRecord,
    ttl: Duration,
    end: Instant,
}

impl ConsulDiscovery {
    /// The registrations of the deployment `deployment`, the first label of its apps' ids: deployments do not see each other.
    pub fn new(env: &Env, settings: Settings, deployment: &str) -> Self {
        Self::over(Arc::new(Client::new(env, settings)), deployment)
    }

    pub(crate) fn over(client: Arc<Client>, deployment: &str) -> Self {
        let service = format!("{}-{deployment}", client.settings.service);
        let view = View::new(&client, &service);
        Self { client, service, view, registered: Mutex::default() }
    }

    async fn put(&self, node: &NodeRecord, ttl: Duration) -> Result<(), DiscoveryError> {
        let failed = |fault: Fault| failed("register", &fault);
        if self.is_registered(node, ttl) && self.renew(&node.id).await.map_err(failed)? {
            self.note(node, ttl);
            return Ok(());
        }
        let there = self.view.node(&node.id).await.map_err(failed)?;
        if let Some(later) = there.filter(|there| there.incarnation > node.incarnation) {
            let message = format!(
                "{} is registered by a later incarnation ({}, this one is {}); end this one",
                node.id, later.incarnation, node.incarnation
            );
            return Err(DiscoveryError { operation: "register", message });
        }
        let meta = meta::encode(&node.encode())
            .map_err(|message| DiscoveryError { operation: "register", message })?;
        let forget = FORGET.max(ttl * 2).as_secs();
        let body = json!({
            "ID": node.id.as_str(),
            "Name": self.service,
            "Meta": meta,
            "Check": {
                "CheckID": check(&node.id),
                "TTL": format!("{}ms", ttl.as_millis()),
                "Status": "passing",
                "DeregisterCriticalServiceAfter": format!("{forget}s"),
            },
        });
        let path = "/v1/agent/service/register?replace-existing-checks=true";
        self.client.call("PUT", path, body.to_string().into()).await.map_err(failed)?;
        // A check that was there before stays as it was: critical, where it was not renewed in time.
        self.renew(&node.id).await.map_err(failed)?;
        // The agent tells the servers when it has answered.
        let env = &self.client.env;
        let shown =
            env.until(env.now() + self.client.settings.deadline, self.view.shows(node)).await;
        if shown.is_none() {
            let ms = self.client.settings.deadline.as_millis();
            let message = format!(
                "the agent has it, and its servers do not show it within {ms} ms (deadline_ms)"
            );
            return Err(DiscoveryError { operation: "register", message });
        }
        self.note(node, ttl);
        Ok(())
    }

    fn is_registered(&self, node: &NodeRecord, ttl: Duration) -> bool {
        let registered = self.registered.lock();
        registered.get(&node.id).is_some_and(|it| it.node == *node && it.ttl == ttl)
    }

    fn note(&self, node: &NodeRecord, ttl: Duration) {
        let now = self.client.env.now();
        let mut registered = self.registered.lock();
        registered.retain(|_, it| now < it.end);
        registered.insert(node.id.clone(), Registered { node: node.clone(), ttl, end: now + ttl });
    }

    /// Whether the agent still has the check, which passes for another TTL then.
    async fn renew(&self, id: &AppId) -> Result<bool, Fault> {
        let path = format!("/v1/agent/check/pass/{}", check(id));
        match self.client.call("PUT", &path, Bytes::new()).await {
            Ok(_) => Ok(true),
            Err(Fault::Refused(..)) => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    async fn remove(&self, id: &AppId, incarnation: Incarnation) -> Result<(), Fault> {
        {
            let mut registered = self.registered.lock();
            if registered.get(id).is_some_and(|it| it.node.incarnation == incarnation) {
                registered.remove(id);
            }
        }
        let path = format!("/v1/agent/service/{id}");
        let service = match self.client.call("GET", &path, Bytes::new()).await {
            Ok(answer) => serde_json::from_slice::<Service>(&answer.body)
                .map_err(|error| Fault::Garbled(error.to_string()))?,
            Err(Fault::Refused(404, _)) => return Ok(()),
            Err(fault) => return Err(fault),
        };
        if service.node().is_some_and(|node| node.incarnation != incarnation) {
            return Ok(());
        }
        let path = format!("/v1/agent/service/deregister/{id}");
        self.client.call("PUT", &path, Bytes::new()).await.map(drop)
    }
}

impl Discovery for ConsulDiscovery {
    fn register<'a>(
        &'a self,
        node: &'a NodeRecord,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
        Box::pin(self.put(node, ttl))
    }

    fn deregister<'a>(
        &'a self,
        id: &'a AppId,
        incarnation: Incarnation,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
        Box::pin(async move {
            self.remove(id, incarnation).await.map_err(|fault| failed("deregister", &fault))
        })
    }

    fn watch(&self) -> BoxFuture<'_, Result<mpsc::Receiver<Change>, DiscoveryError>> {
        Box::pin(async move { self.view.watch().await.map_err(|fault| failed("watch", &fault)) })
    }
}

fn check(id: &AppId) -> String {
    format!("guildhall:{id}")
}

fn failed(operation: &'static str, fault: &Fault) -> DiscoveryError {
    DiscoveryError { operation, message: fault.to_string() }
}
