//! Asking an app's `/readyz` whether it is ready.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use guildhall_core::Env;
use guildhall_core::env::{ConnIo, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Pause between two questions.
const PAUSE: Duration = Duration::from_millis(100);

/// How long one answer may take.
const WITHIN: Duration = Duration::from_secs(2);

/// Longest answer that is looked at, in bytes.
const ANSWER_MAX: u64 = 4096;

/// `http://127.0.0.1:7321/readyz`.
#[derive(Clone, Debug)]
pub(crate) struct Readyz {
    address: String,
    path: String,
}

impl Readyz {
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let rest = url.strip_prefix("http://");
        let rest = rest.with_context(|| format!("`{url}`: write http://HOST:PORT/readyz"))?;
        let (address, path) = rest.split_once('/').unwrap_or((rest, "readyz"));
        let port = address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        ensure!(port.is_some(), "`{url}` has no port; write http://HOST:PORT/readyz");
        Ok(Self { address: address.to_owned(), path: path.to_owned() })
    }

    /// Waits until it answers 200; or until the deadline: why not.
    pub(crate) async fn wait(&self, env: &Env, end: Instant) -> Result<(), String> {
        loop {
            let answer = env.until((env.now() + WITHIN).min(end), self.ask(env)).await;
            let why = match answer {
                Some(Ok(answer)) if is_ok(&answer) => return Ok(()),
                Some(Ok(answer)) => answer
                    .split_once("\r\n\r\n")
                    .map_or(answer.trim(), |(_, body)| body.trim())
                    .to_owned(),
                Some(Err(error)) => error.to_string(),
                None => "no answer".to_owned(),
            };
            if env.now() >= end {
                return Err(format!(
                    "is not ready in time: http://{}/{}: {why}",
                    self.address, self.path
                ));
            }
            env.sleep(PAUSE).await;
        }
    }

    async fn ask(&self, env: &Env) -> std::io::Result<String> {
        let Self { address, path } = self;
        let mut conn = ConnIo::new(env.net().connect(address).await?);
        let ask = format!("GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        conn.write_all(ask.as_bytes()).await?;
        let mut answer = Vec::new();
        conn.take(ANSWER_MAX).read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

fn is_ok(answer: &str) -> bool {
    answer.split(' ').nth(1) == Some("200")
}
