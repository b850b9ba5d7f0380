//! A player's way into the game: one connection at a time, to the next gate whenever it is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use guildhall::{Env, Method, Status};
use guildhall_client::{Client, Options};
use prost::Message;
use tokio::sync::Mutex;

/// How long a call may take; the game itself gives up earlier.
const CALL_MAX: Duration = Duration::from_secs(8);
/// How long it may take to connect.
const CONNECT_MAX: Duration = Duration::from_secs(3);

/// Connects when there is something to say.
pub(crate) struct Line {
    env: Env,
    gates: Arc<Vec<String>>,
    /// Which of them is next.
    next: AtomicUsize,
    token: String,
    now: Mutex<Option<Conn>>,
}

struct Conn {
    client: Client,
    /// The client is over.
    dead: Arc<AtomicBool>,
}

impl Line {
    pub(crate) fn new(env: Env, gates: Arc<Vec<String>>, first: usize, token: String) -> Self {
        let (next, now) = (AtomicUsize::new(first), Mutex::new(None));
        Self { env, gates, next, token, now }
    }

    pub(crate) async fn call<Req: Message, Rsp: Message + Default>(
        &self,
        method: Method<Req, Rsp>,
        req: Req,
    ) -> Result<Rsp, Status> {
        self.client().await?.call_within(CALL_MAX, method, req).await
    }

    async fn client(&self) -> Result<Client, Status> {
        let mut now = self.now.lock().await;
        if let Some(conn) = now.as_ref().filter(|conn| !conn.dead.load(Ordering::Acquire)) {
            return Ok(conn.client.clone());
        }
        *now = None;
        let next = self.next.fetch_add(1, Ordering::Relaxed) % self.gates.len();
        let options = Options {
            client: "chaos".into(),
            attempts_max: 0,
            connect_timeout: CONNECT_MAX,
            ..Options::default()
        };
        let connected = Client::connect(&self.env, &self.gates[next], self.token.clone(), options);
        let (client, mut events) = connected.await?;
        let dead = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&dead);
        tokio::spawn(async move {
            while events.next().await.is_some() {}
            over.store(true, Ordering::Release);
        });
        *now = Some(Conn { client: client.clone(), dead });
        Ok(client)
    }
}
