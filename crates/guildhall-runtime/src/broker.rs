//! [`LazyBroker`]: the app's broker, opened when it is first used.

use std::sync::Arc;

use guildhall_core::broker::Broker;
use guildhall_core::status::reason;
use guildhall_core::{Code, Env, Plugin, Status};
use tokio::sync::OnceCell;

/// The broker that `app.broker` names.
pub(crate) struct LazyBroker {
    broker: OnceCell<Arc<dyn Broker>>,
    /// What opens it, where it is not open from the beginning.
    source: Option<(Env, Arc<dyn Plugin>, String)>,
}

impl LazyBroker {
    /// One that is open already.
    pub(crate) fn opened(broker: Arc<dyn Broker>) -> Self {
        Self { broker: OnceCell::new_with(Some(broker)), source: None }
    }

    /// One that `plugin` opens.
    pub(crate) fn later(env: &Env, plugin: Arc<dyn Plugin>, url: &str) -> Self {
        let source = Some((env.clone(), plugin, url.to_owned()));
        Self { broker: OnceCell::new(), source }
    }

    /// The open broker. Cancel safe: who comes next opens it.
    pub(crate) async fn get(&self) -> Result<&dyn Broker, Status> {
        let unavailable = |why: String| {
            Status::not_run(Code::Unavailable, reason::NO_ROUTE, format!("app.broker: {why}"))
        };
        let broker = self.broker.get_or_try_init(|| async {
            let Some((env, plugin, url)) = &self.source else {
                return Err(unavailable("it has not been given".to_owned()));
            };
            let backend = plugin.open(env, url).await.map_err(|e| unavailable(e.to_string()))?;
            backend.broker.ok_or_else(|| unavailable(format!("{url} is no broker")))
        });
        Ok(&**broker.await?)
    }
}
