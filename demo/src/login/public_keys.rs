//! Fetches the public keys of a login server in another process, before the gate starts.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use guildhall::gate::GateConfig;
use guildhall::{BoxFuture, Component, Config, Cx, StartError};

use super::keys::write;
use crate::http;

/// Pause before the login server is asked again.
const AGAIN: Duration = Duration::from_millis(200);

/// The component that gets them; it starts before the gate. A key that is made later needs a restart of the gate.
#[derive(Debug)]
pub struct PublicKeys {
    address: String,
    path: String,
    wait: Duration,
}

impl PublicKeys {
    /// Gets them from `url`, and waits that long for the server.
    ///
    /// # Errors
    /// `url` is none.
    pub fn new(url: &str, wait: Duration) -> Result<Self, StartError> {
        let parts = url.strip_prefix("http://").and_then(|rest| rest.split_once('/'));
        match parts {
            Some((address, path)) if !address.is_empty() => {
                Ok(Self { address: address.to_owned(), path: format!("/{path}"), wait })
            }
            _ => {
                let why = format!("demo.keys = \"{url}\": write http://host:port/keys");
                Err(StartError::setting("demo.keys", why))
            }
        }
    }

    async fn get(&self, cx: &Cx) -> Result<String, String> {
        let env = cx.env();
        let end = env.now() + self.wait;
        loop {
            let why = match http::get(env, &self.address, &self.path).await {
                Ok(answer) if answer.code == 200 => return Ok(format!("{:#}\n", answer.body)),
                Ok(answer) => format!("HTTP {}", answer.code),
                Err(why) => why,
            };
            if env.now() > end {
                return Err(why);
            }
            env.sleep(AGAIN).await;
        }
    }
}

impl Component for PublicKeys {
    fn start<'a>(
        self: Arc<Self>,
        config: &'a Config,
        cx: Cx,
    ) -> BoxFuture<'a, Result<(), StartError>> {
        Box::pin(async move {
            let gate: GateConfig = config.section("gate")?;
            let file = Path::new(&gate.jwt.keys);
            let keys = match self.get(&cx).await {
                Ok(keys) => keys,
                Err(why) if file.exists() => {
                    tracing::warn!(
                        why,
                        "login server unreachable; using the keys of the previous start"
                    );
                    return Ok(());
                }
                Err(why) => {
                    return Err(StartError::setting("demo.keys", format!("demo.keys: {why}")));
                }
            };
            let folder = file.parent().map_or(Ok(()), std::fs::create_dir_all);
            folder.and_then(|()| write(file, &keys, false)).map_err(|e| {
                let why = format!("gate.jwt.keys = \"{}\": {e}", gate.jwt.keys);
                StartError::setting("gate.jwt.keys", why).with_source(e)
            })
        })
    }
}
