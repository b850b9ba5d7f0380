//! [`Sweep`]: finds out what is not renewed, by the clock of whoever looks, and by no clock of the server.
//!
//! What lives has a text that each renewal changes. Whoever has seen one text for a whole TTL by its own clock knows that nothing was renewed
//! since; what it tells the server to end then is ended only if the text is still the same. So no clock that is set, and no restart of the server,
//! ends anything early; what has not been looked at for long ends a TTL after somebody looks again.

use std::collections::HashMap;
use std::sync::Weak;
use std::time::Duration;

use guildhall_core::{BoxFuture, Env};
use redis::Script;

use crate::client::{Again, Client};
use crate::fault::Fault;
use crate::reply::{Items, Wrong, uint};
use crate::script::{Args, script};

/// How often the one that looks does so, and how often others ask whether they are to.
const LOOK: Duration = Duration::from_millis(500);
const ASK: Duration = Duration::from_secs(1);
/// For how long nobody else looks, by the server's clock.
const TURN_MS: u64 = 2500;
/// What is ended by one script.
const ENDS_MAX: usize = 64;

/// What is looked after.
pub(crate) struct Sweep {
    what: &'static str,
    hash: &'static str,
    me: String,
    look: Script,
    seen: HashMap<String, (String, Duration)>,
    /// The start of the server at which they were seen.
    run: String,
}

/// Something as it was seen.
struct Living {
    key: String,
    text: String,
    ttl: Duration,
}

/// Things that live as long as they are renewed.
pub(crate) trait Swept: Send + Sync + 'static {
    fn client(&self) -> &Client;

    /// Ends what is still as it was seen.
    fn end<'a>(&'a self, over: &'a [(String, String)]) -> BoxFuture<'a, Result<(), Fault>>;
}

impl Sweep {
    /// Looks after the hash of that name; `what` is how it is called.
    pub(crate) fn new(env: &Env, what: &'static str, hash: &'static str) -> Self {
        let me = format!("{:016x}", env.random());
        let look = script!("shared", "sweep");
        Self { what, hash, me, look, seen: HashMap::new(), run: String::new() }
    }

    /// Looks again and again, until `swept` is dropped.
    pub(crate) async fn run<T: Swept>(mut self, env: Env, swept: Weak<T>) {
        loop {
            let wait = {
                let Some(swept) = swept.upgrade() else { return };
                match self.once(&*swept).await {
                    Ok(true) => LOOK,
                    Ok(false) => ASK,
                    // Requests say what is wrong; this one only comes again.
                    Err(error) => {
                        tracing::debug!(what = self.what, error = error.why(), "sweep failed");
                        ASK
                    }
                }
            };
            let ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            env.sleep(wait / 2 + Duration::from_millis(env.random_below(ms))).await;
        }
    }

    /// Whether this one looks.
    async fn once(&mut self, swept: &impl Swept) -> Result<bool, Fault> {
        let client = swept.client();
        let mut args = Args::default();
        args.text(&client.settings.prefix).text(self.what).text(&self.me).uint(TURN_MS);
        args.text(self.hash);
        let answer = client.call(&self.look, &args, Again::Yes, false).await?;
        let now = client.env.boot_time();
        let run = client.run();
        if run != self.run {
            self.seen.clear();
            self.run = run;
        }
        let listed = listed(Items::of(answer).map_err(Fault::Damaged)?).map_err(Fault::Damaged)?;
        let Some(listed) = listed else {
            self.seen.clear();
            return Ok(false);
        };
        let over = self.over(listed, now);
        for some in over.chunks(ENDS_MAX) {
            swept.end(some).await?;
        }
        Ok(true)
    }

    /// Those that were seen with the same text for a whole TTL.
    fn over(&mut self, listed: Vec<Living>, now: Duration) -> Vec<(String, String)> {
        let mut seen = HashMap::with_capacity(listed.len());
        let mut over = Vec::new();
        for Living { key, text, ttl } in listed {
            let since = match self.seen.remove(&key) {
                Some((before, since)) if before == text => since,
                _ => now,
            };
            if now.saturating_sub(since) > ttl {
                over.push((key.clone(), text.clone()));
            }
            seen.insert(key, (text, since));
        }
        self.seen = seen;
        over
    }
}

/// Keys with their texts and TTLs; `None` where somebody else looks.
fn listed(mut items: Items) -> Result<Option<Vec<Living>>, Wrong> {
    if items.text()? != "mine" {
        return Ok(None);
    }
    let mut listed = Vec::new();
    while !items.is_empty() {
        let (key, text) = (items.text()?, items.text()?);
        let ttl = text.rsplit(' ').next().unwrap_or_default();
        let ttl = Duration::from_millis(uint(ttl)?);
        listed.push(Living { key, text, ttl });
    }
    Ok(Some(listed))
}
