//! [`Client`]: keeps a connection to one of the members, and sends requests over it.

mod keeper;

use std::sync::Arc;

use guildhall_core::Env;
use guildhall_core::backend::Outage;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::config::Settings;
use crate::connection::Connection;
use crate::fault::Fault;
use crate::rpc::Rpc;
use keeper::Keeper;

/// Requests at a time; further ones are refused at once.
const REQUESTS_MAX: usize = 1024;

/// A client of one etcd cluster. Dropping it closes its connection.
pub(crate) struct Client {
    pub(crate) env: Env,
    pub(crate) settings: Settings,
    pub(crate) outage: Outage,
    connection: watch::Receiver<Option<Arc<Connection>>>,
    requests: Semaphore,
    _ends_with_it: DropGuard,
}

impl Client {
    /// The server need not be there: the connection is made by a task, again and again until there is one.
    pub(crate) fn new(env: &Env, settings: Settings) -> Self {
        let outage = Outage::new(env, "etcd", settings.addresses.join(","));
        let (connections, connection) = watch::channel(None);
        let dropped = CancellationToken::new();
        let keeper = Keeper {
            env: env.clone(),
            settings: settings.clone(),
            outage: outage.clone(),
            connections,
        };
        let until = dropped.clone();
        env.spawn("etcd.connect", async move {
            until.run_until_cancelled(keeper.keep_connected()).await;
        });
        Self {
            env: env.clone(),
            settings,
            outage,
            connection,
            requests: Semaphore::new(REQUESTS_MAX),
            _ends_with_it: dropped.drop_guard(),
        }
    }

    /// The connection, once there is one that works.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub(crate) async fn connection(&self) -> Option<Arc<Connection>> {
        let works = |it: &Option<Arc<Connection>>| it.as_ref().is_some_and(|it| !it.is_closed());
        self.connection.clone().wait_for(works).await.ok()?.clone()
    }

    /// Sends a request, within the deadline of the settings.
    pub(crate) async fn call<Q: Rpc>(&self, request: Q) -> Result<Q::Answer, Fault> {
        let Ok(_permit) = self.requests.try_acquire() else {
            let why = format!("{REQUESTS_MAX} requests are waiting; etcd is too slow for this app");
            return Err(Fault::Unreachable(why));
        };
        let deadline = self.env.now() + self.settings.deadline;
        let connection = self.env.until(deadline, self.connection()).await.flatten();
        let connection = connection.ok_or_else(|| Fault::Unreachable(self.why_unreachable()))?;
        let answer = self.env.until(deadline, connection.call(request)).await;
        let fault = match answer {
            Some(Ok(answer)) => {
                self.outage.worked();
                return Ok(answer);
            }
            Some(Err(status)) => {
                // A token that has expired, or belongs to an earlier state of the users: the next connection has a new one.
                if is_about_the_token(&status) {
                    connection.close();
                    return Err(Fault::Unreachable(crate::fault::words(&status)));
                }
                Fault::of(&status)
            }
            None => {
                let ms = self.settings.deadline.as_millis();
                Fault::Unknown(format!("etcd did not answer within {ms} ms (deadline_ms)"))
            }
        };
        if matches!(fault, Fault::Unknown(_)) {
            self.lost(&connection, &fault);
        } else {
            self.outage.worked();
        }
        Err(fault)
    }

    /// The connection is of no use, or its member cannot reach the others: another one is made.
    pub(crate) fn lost(&self, connection: &Connection, why: &dyn std::fmt::Display) {
        connection.close();
        self.outage.failed(why);
    }

    fn why_unreachable(&self) -> String {
        let why = self.outage.health().outage.map(|(_, why)| why);
        let why = why.unwrap_or_else(|| "it does not answer".to_owned());
        let ms = self.settings.deadline.as_millis();
        format!("no connection to etcd within {ms} ms: {why}; start the server, or correct the URL")
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("settings", &self.settings).finish_non_exhaustive()
    }
}

fn is_about_the_token(status: &tonic::Status) -> bool {
    let old = "revision in header is old";
    status.code() == tonic::Code::Unauthenticated || status.message().contains(old)
}
