//! [`Peer`]: receives what another app publishes, and dials it again whenever it is lost.

use std::collections::BTreeMap;

use bytes::Bytes;
use guildhall_core::Env;
use guildhall_core::backend::Outage;
use guildhall_core::broker::memory::MemoryBroker;
use guildhall_core::broker::{Broker as _, Gaps, check};

use crate::frames::Kind;
use crate::socket::Socket;

/// Topics of one peer whose numbers are remembered.
const TOPICS_MAX: usize = 65_536;

/// Subscribes to every topic.
const ALL: &[u8] = &[1];

pub(crate) struct Peer {
    env: Env,
    address: String,
    /// The number of this app as a publisher: what it publishes itself is here already.
    own: u64,
    here: MemoryBroker,
    gaps: BTreeMap<String, Gaps>,
    outage: Outage,
}

impl Peer {
    pub(crate) fn new(env: &Env, address: &str, own: u64, here: &MemoryBroker) -> Self {
        Self {
            env: env.clone(),
            address: address.to_owned(),
            own,
            here: here.clone(),
            gaps: BTreeMap::new(),
            outage: Outage::new(env, "zeromq", address),
        }
    }

    pub(crate) async fn follow(mut self) {
        loop {
            let why = match Socket::dial(&self.env, &self.address, Kind::Sub).await {
                Ok(socket) => {
                    self.outage.worked();
                    self.receive(socket).await
                }
                Err(why) => why,
            };
            self.outage.failed(&why);
            self.env.sleep(self.outage.pause()).await;
        }
    }

    /// Until the connection is lost, and why it was.
    async fn receive(&mut self, mut socket: Socket) -> String {
        if let Err(why) = socket.send(&[Bytes::from_static(ALL)]).await {
            return why;
        }
        loop {
            match socket.next().await {
                Ok(message) => self.take(&message).await,
                Err(why) => return why,
            }
        }
    }

    /// A message of another app, or of any program that publishes there: topic, number and text, or topic and text.
    async fn take(&mut self, frames: &[Bytes]) {
        let (topic, id, message) = match frames {
            [topic, id, message] => (&topic[..], &id[..], message),
            [topic, message] => (&topic[..], &b""[..], message),
            _ => return,
        };
        let (Ok(topic), Ok(id)) = (std::str::from_utf8(topic), std::str::from_utf8(id)) else {
            return;
        };
        // A topic that none can be is not remembered.
        if check("publish", topic, message).is_err() || Gaps::publisher(id) == Some(self.own) {
            return;
        }
        let lost = self.lost(topic, id);
        if lost > 0 {
            self.here.lose(topic, lost);
        }
        let _checked = self.here.publish(topic, message.clone()).await;
    }

    fn lost(&mut self, topic: &str, id: &str) -> u64 {
        if let Some(gaps) = self.gaps.get_mut(topic) {
            return gaps.before(id);
        }
        if id.is_empty() {
            return 0;
        }
        if self.gaps.len() >= TOPICS_MAX {
            self.gaps.clear();
        }
        self.gaps.entry(topic.to_owned()).or_default().before(id)
    }
}
