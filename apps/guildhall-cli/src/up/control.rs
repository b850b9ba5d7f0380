//! How other commands reach a cluster that is up: a socket on loopback, named with its secret in a file beside the cluster file.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use guildhall_core::Env;
use guildhall_core::env::{Accepted, ConnIo, Listener};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::signals::private_file;
use crate::up::rolling::Progress;

/// Longest request or answer, in bytes.
const MESSAGE_MAX: u64 = 256 * 1024;

/// How long a request with its answer may take.
const WITHIN: Duration = Duration::from_secs(5);

/// What is asked of a cluster.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Ask {
    Status,
    Kill {
        instance: String,
        hard: bool,
    },
    Scale {
        app: String,
        count: u32,
    },
    /// Of all that take part, or of the instances of one name: `role`, `role.2`.
    Restart {
        only: Option<String>,
    },
    /// What the last restart has said after so many lines.
    Restarted {
        seen: usize,
    },
}

/// What it answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Status(Vec<Row>),
    Restarted(Progress),
    Done(String),
    Wrong(String),
}

/// An instance, for people.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) instance: String,
    pub(crate) state: String,
    pub(crate) pid: Option<u32>,
    /// In this state, in ms.
    pub(crate) for_ms: u64,
    pub(crate) restarts: u32,
    pub(crate) note: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Request {
    secret: String,
    ask: Ask,
}

/// The file beside the cluster file.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    address: SocketAddr,
    secret: String,
}

fn place_of(cluster: &Path) -> PathBuf {
    let name = cluster.file_name().unwrap_or_default().to_string_lossy();
    cluster.with_file_name(format!(".{name}.up"))
}

/// The supervisor's end. The file goes with it.
pub(crate) struct Control {
    env: Env,
    listener: Box<dyn Listener>,
    secret: String,
    file: PathBuf,
}

impl Control {
    /// Listens, and says where.
    pub(crate) async fn open(env: &Env, cluster: &Path) -> Result<Self> {
        if let Ok(Answer::Status(rows)) = ask(cluster, Ask::Status) {
            bail!(
                "{} is up already, with {} instances; see `guildhall status`",
                cluster.display(),
                rows.len()
            );
        }
        let (listener, address) =
            env.listen("control", "127.0.0.1:0").await.map_err(|why| anyhow!(why))?;
        let secret = env.random_bytes::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
        let place = Place { address, secret };
        let file = place_of(cluster);
        let written = private_file(&file)
            .and_then(|mut to| to.write_all(serde_json::to_string(&place)?.as_bytes()));
        written.with_context(|| format!("write {}", file.display()))?;
        Ok(Self { env: env.clone(), listener, secret: place.secret, file })
    }

    /// Waits for the next request, and how to answer it. One at a time: each has its deadline.
    ///
    /// # Cancel safety
    /// A request that has begun is dropped.
    pub(crate) async fn next(&self) -> (Ask, Reply) {
        loop {
            let Ok(accepted) = self.listener.accept().await else {
                // Out of files, maybe: not at once again.
                self.env.sleep(Duration::from_millis(100)).await;
                continue;
            };
            let deadline = self.env.now() + WITHIN;
            if let Some(Ok(request)) = self.env.until(deadline, self.read(accepted)).await {
                return request;
            }
        }
    }

    async fn read(&self, accepted: Accepted) -> Result<(Ask, Reply)> {
        let mut conn = ConnIo::new((accepted.attach)()?);
        let mut line = Vec::new();
        loop {
            let mut chunk = [0; 4096];
            let n = conn.read(&mut chunk).await?;
            line.extend_from_slice(&chunk[..n]);
            if n == 0 || line.len() as u64 > MESSAGE_MAX {
                bail!("no request");
            }
            if line.ends_with(b"\n") {
                break;
            }
        }
        let request: Request = serde_json::from_slice(&line)?;
        let differ = |(a, b): (u8, u8)| a ^ b;
        let both = request.secret.bytes().zip(self.secret.bytes());
        let difference = both.map(differ).fold(0, |all, one| all | one);
        if request.secret.len() != self.secret.len() || difference != 0 {
            bail!("a wrong secret");
        }
        Ok((request.ask, Reply { env: self.env.clone(), conn }))
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // The next `up` takes its place either way.
        let _gone = std::fs::remove_file(&self.file);
    }
}

/// Somebody who waits for an answer.
pub(crate) struct Reply {
    env: Env,
    conn: ConnIo,
}

impl Reply {
    pub(crate) async fn send(mut self, answer: &Answer) {
        let mut line = serde_json::to_vec(answer).unwrap_or_default();
        line.push(b'\n');
        let deadline = self.env.now() + WITHIN;
        // Who does not wait does not need it.
        let _sent = self.env.until(deadline, self.conn.write_all(&line)).await;
    }
}

/// Asks the cluster of a file.
pub(crate) fn ask(cluster: &Path, ask: Ask) -> Result<Answer> {
    let down = || {
        format!(
            "{} is not up: start it with `guildhall up`, or say which with --cluster FILE",
            cluster.display()
        )
    };
    let place = std::fs::read_to_string(place_of(cluster)).with_context(down)?;
    let place: Place = serde_json::from_str(&place).with_context(down)?;
    let mut stream = TcpStream::connect_timeout(&place.address, WITHIN).with_context(down)?;
    stream.set_read_timeout(Some(WITHIN))?;
    stream.set_write_timeout(Some(WITHIN))?;
    let mut line = serde_json::to_vec(&Request { secret: place.secret, ask })?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    let mut answers = BufReader::new(std::io::Read::take(stream, MESSAGE_MAX));
    answers.read_line(&mut answer).context("the cluster does not answer")?;
    serde_json::from_str(&answer).with_context(down)
}
