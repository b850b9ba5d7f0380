//! All connections between processes go through here, where they are cut and delayed. TCP, so what is cut comes late or ends, and
//! nothing is left out in between.
//!
//! A process listens on a port of its own and advertises its door. Who has dialled a door is told by what it says first: its id,
//! which is in the clear where links have no TLS.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, Result};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::plan::Way;

/// What begins the id of each process.
pub(crate) const WORLD: &str = "demo.w1.";

/// How long the other way stays open when one has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Bytes that are moved at a time.
const CHUNK: usize = 64 << 10;

/// What happens to what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Flow {
    After(Duration),
    Held,
    Ended,
}

#[derive(Clone, Debug)]
struct Rule {
    number: u64,
    one: String,
    /// Missing: all.
    other: Option<String>,
    way: Way,
    flow: Flow,
}

/// The connections, and what is wrong with them. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wires(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    rules: Mutex<Vec<Rule>>,
    /// The number of the last rule that was made or changed.
    changes: watch::Sender<u64>,
}

/// Something that is wrong until this is dropped.
#[derive(Debug)]
pub(crate) struct Wrong {
    wires: Wires,
    number: u64,
}

impl Wires {
    /// Nothing moves between the two.
    pub(crate) fn hold(&self, one: &str, other: Option<&str>, way: Way) -> Wrong {
        self.add(one, other, way, Flow::Held)
    }

    /// Connections between the two end, and new ones, too.
    pub(crate) fn end(&self, one: &str, other: Option<&str>) -> Wrong {
        self.add(one, other, Way::Both, Flow::Ended)
    }

    /// What moves between the two comes later.
    pub(crate) fn delay(&self, one: &str, other: Option<&str>, by: Duration) -> Wrong {
        self.add(one, other, Way::Both, Flow::After(by))
    }

    fn add(&self, one: &str, other: Option<&str>, way: Way, flow: Flow) -> Wrong {
        let mut rules = self.0.rules.lock();
        let number = *self.0.changes.borrow() + 1;
        let (one, other) = (one.to_owned(), other.map(str::to_owned));
        rules.push(Rule { number, one, other, way, flow });
        self.0.changes.send_replace(number);
        Wrong { wires: self.clone(), number }
    }

    /// The worst that the rules say of what `from` sends to `to`.
    fn flow(&self, from: &str, to: &str) -> Flow {
        let rules = self.0.rules.lock();
        let is_about = |rule: &&Rule| {
            let is = |one: &str, other: &str| {
                rule.one == one && rule.other.as_ref().is_none_or(|name| name == other)
            };
            is(from, to) && rule.way != Way::Back || is(to, from) && rule.way != Way::Forth
        };
        let flows = rules.iter().filter(is_about).map(|rule| rule.flow);
        flows.max().unwrap_or(Flow::After(Duration::ZERO))
    }

    /// Opens the door of `to`: whoever connects to the returned address talks to `address`.
    pub(crate) async fn door(&self, to: &str, address: String) -> Result<String> {
        self.open(None, to, address).await
    }

    /// Opens a door of `to` for `from` alone, who need not say its id.
    pub(crate) async fn door_for(&self, from: &str, to: &str, address: String) -> Result<String> {
        self.open(Some(from.to_owned()), to, address).await
    }

    async fn open(&self, from: Option<String>, to: &str, address: String) -> Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("a door")?;
        let door = listener.local_addr()?.to_string();
        let (wires, to) = (self.clone(), to.to_owned());
        tokio::spawn(async move {
            loop {
                let Ok((came, _)) = listener.accept().await else {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                let from = from.clone().map_or_else(OnceLock::new, OnceLock::from);
                let ends = Ends { wires: wires.clone(), from, to: to.clone() };
                tokio::spawn(ends.join(came, address.clone()));
            }
        });
        Ok(door)
    }
}

impl Drop for Wrong {
    fn drop(&mut self) {
        let shared = &self.wires.0;
        let mut rules = shared.rules.lock();
        rules.retain(|rule| rule.number != self.number);
        shared.changes.send_modify(|number| *number += 1);
    }
}

/// Who is at the ends of a connection.
struct Ends {
    wires: Wires,
    from: OnceLock<String>,
    to: String,
}

impl Ends {
    /// Joins who came with what listens at `address`, until one side ends.
    async fn join(self, came: TcpStream, address: String) {
        let Ok(there) = TcpStream::connect(&address).await else { return };
        // Both ends are of the harness's making: small packets must not wait for each other.
        let _ = (came.set_nodelay(true), there.set_nodelay(true));
        let (came_in, came_out) = came.into_split();
        let (there_in, there_out) = there.into_split();
        let mut forth = std::pin::pin!(self.pump(came_in, there_out, true));
        let mut back = std::pin::pin!(self.pump(there_in, came_out, false));
        // What one side has said before it ended is still told to the other.
        tokio::select! {
            () = &mut forth => drop(timeout(LAST_WORDS, back).await),
            () = &mut back => drop(timeout(LAST_WORDS, forth).await),
        }
    }

    /// Moves bytes until one side ends.
    async fn pump(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, forth: bool) {
        let mut changes = self.wires.0.changes.subscribe();
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = tokio::select! {
                read = from.read(&mut chunk) => read,
                _ = changes.changed() => {
                    if self.flow(forth) == Flow::Ended {
                        return;
                    }
                    continue;
                }
            };
            let Ok(length @ 1..) = read else {
                // The other side hears that there is no more.
                let _gone = to.shutdown().await;
                return;
            };
            let bytes = &chunk[..length];
            if forth && self.from.get().is_none() {
                self.from.get_or_init(|| speaker(bytes).unwrap_or_default());
            }
            loop {
                match self.flow(forth) {
                    Flow::Ended => return,
                    Flow::Held => {
                        if changes.changed().await.is_err() {
                            return;
                        }
                    }
                    Flow::After(pause) => {
                        if !pause.is_zero() {
                            tokio::time::sleep(pause).await;
                        }
                        break;
                    }
                }
            }
            if to.write_all(bytes).await.is_err() {
                return;
            }
        }
    }

    fn flow(&self, forth: bool) -> Flow {
        let from = self.from.get().map_or("", String::as_str);
        if forth { self.wires.flow(from, &self.to) } else { self.wires.flow(&self.to, from) }
    }
}

/// The `func.inst` of the id in what is said first.
fn speaker(said: &[u8]) -> Option<String> {
    let at = said.windows(WORLD.len()).position(|at| at == WORLD.as_bytes())?;
    let rest = &said[at + WORLD.len()..];
    let is_id = |byte: &&u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || **byte == b'.';
    String::from_utf8(rest.iter().take_while(is_id).copied().collect()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_speaker_is_found_in_its_first_words() {
        let said = b"\x00\x12\x0ademo.w1.role.3\x10\x88\x01";
        assert_eq!(speaker(said).as_deref(), Some("role.3"));
        assert_eq!(speaker(b"GET / HTTP/1.1"), None);
    }

    #[tokio::test]
    async fn what_is_held_comes_late_and_what_is_ended_ends() {
        let there = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wires = Wires::default();
        let door = wires.door("role.1", there.local_addr().unwrap().to_string()).await.unwrap();
        let mut one = TcpStream::connect(door).await.unwrap();
        let (mut other, _) = there.accept().await.unwrap();
        one.write_all(b"demo.w1.gate.1").await.unwrap();
        let mut read = [0; 14];
        other.read_exact(&mut read).await.unwrap();
        let held = wires.hold("gate.1", Some("role.1"), Way::Back);
        other.write_all(b"back").await.unwrap();
        one.write_all(b"forth").await.unwrap();
        other.read_exact(&mut read[..5]).await.unwrap();
        let waits = timeout(Duration::from_millis(50), one.read(&mut read)).await;
        assert!(waits.is_err());
        drop(held);
        one.read_exact(&mut read[..4]).await.unwrap();
        assert_eq!(&read[..4], b"back");
        let _elsewhere = wires.end("gate.2", None);
        one.write_all(b"forth").await.unwrap();
        other.read_exact(&mut read[..5]).await.unwrap();
        let _ended = wires.end("gate.1", None);
        assert_eq!(one.read(&mut read).await.unwrap(), 0);
    }
}
