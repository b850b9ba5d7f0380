//! [`Client`]: keeps a link to the server, whatever happens to it.

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::backend::Outage;
use guildhall_core::env::Instant;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::Settings;
use crate::failure::Failure;
use crate::fresh::Fresh;
use crate::link::Link;

/// How long one address may take to connect, log in and open a channel.
const DIAL: Duration = Duration::from_secs(5);

/// A link that is dialled in the background, and again whenever it is lost.
pub(crate) struct Client {
    pub(crate) env: Env,
    pub(crate) settings: Arc<Settings>,
    links: watch::Receiver<Option<Arc<Link>>>,
    /// Why the last dial failed.
    why: Arc<Mutex<String>>,
    keeper: JoinHandle<Option<()>>,
}

impl Client {
    /// Begins to dial. `role` names the connection, for operators.
    pub(crate) fn new(
        env: &Env,
        settings: &Arc<Settings>,
        fresh: &Arc<Fresh>,
        outage: &Outage,
        role: &'static str,
    ) -> Arc<Self> {
        let (known, links) = watch::channel(None);
        let why = Arc::new(Mutex::new("no connection yet".to_owned()));
        let (made, whys) = (Arc::clone(fresh), Arc::clone(&why));
        let keep = keep(env.clone(), Arc::clone(settings), made, outage.clone(), role, known, whys);
        let keeper = env.spawn("rabbitmq.keep", keep);
        Arc::new(Self { env: env.clone(), settings: Arc::clone(settings), links, why, keeper })
    }

    /// When a request that begins now has to end.
    pub(crate) fn deadline(&self) -> Instant {
        self.env.now() + self.settings.deadline
    }

    /// The link, when there is one before `deadline`; or why not.
    pub(crate) async fn link(&self, deadline: Instant) -> Result<Arc<Link>, Failure> {
        let mut links = self.links.clone();
        let up = links.wait_for(|link| link.as_ref().is_some_and(|link| link.is_up()));
        let link = match self.env.until(deadline, up).await {
            Some(Ok(link)) => link.clone(),
            _ => None,
        };
        link.ok_or_else(|| {
            let (server, why) = (self.settings.server(), self.why.lock().clone());
            Failure::late(format!("no connection to {server} within deadline_ms: {why}"))
        })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

async fn keep(
    env: Env,
    settings: Arc<Settings>,
    fresh: Arc<Fresh>,
    outage: Outage,
    role: &'static str,
    known: watch::Sender<Option<Arc<Link>>>,
    why: Arc<Mutex<String>>,
) {
    // Each app begins with another node of a cluster.
    let mut turn = usize::try_from(env.random_below(1 << 16)).unwrap_or_default();
    loop {
        let address = &settings.addresses[turn % settings.addresses.len()];
        let opened = Link::open(&env, &settings, &fresh, address, role);
        let dialled = env.until(env.now() + DIAL, opened).await;
        let late = || Err(format!("no answer within {} s", DIAL.as_secs()));
        match dialled.unwrap_or_else(late) {
            Ok(link) => {
                outage.worked();
                let link = Arc::new(link);
                known.send_replace(Some(Arc::clone(&link)));
                link.ended(&env).await;
                known.send_replace(None);
                link.give_up();
                *why.lock() = "the connection was lost".to_owned();
            }
            Err(error) => {
                let error = format!("{address}: {error}");
                *why.lock() = error.clone();
                // Another node may be there.
                if (turn + 1) % settings.addresses.len() == 0 || settings.addresses.len() == 1 {
                    outage.failed(&error);
                }
                turn += 1;
            }
        }
        env.sleep(outage.pause()).await;
    }
}
