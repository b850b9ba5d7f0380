//! The [`Broker`] seam: this app publishes on a PUB socket, and receives the topics of the other apps on SUB sockets.

use bytes::Bytes;
use guildhall_core::broker::memory::MemoryBroker;
use guildhall_core::broker::{Broker, BrokerError, Sequence, Subscription, check};
use guildhall_core::{BoxFuture, Env};
use tokio::sync::Mutex;

use crate::accept::{listen, serve};
use crate::config::Settings;
use crate::frames::Kind;
use crate::peer::Peer;
use crate::publisher::Publisher;
use crate::task::Tasks;

/// Topics between apps.
pub struct ZeroMqBroker {
    /// The subscriptions of this app; what it publishes itself comes here too.
    here: MemoryBroker,
    publisher: Publisher,
    /// Held from the number of a message to the last connection, so that messages leave in the order of their numbers.
    sequence: Mutex<Sequence>,
    _tasks: Tasks,
}

impl std::fmt::Debug for ZeroMqBroker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ZeroMqBroker").field("here", &self.here).finish_non_exhaustive()
    }
}

impl ZeroMqBroker {
    pub(crate) async fn open(env: &Env, settings: &Settings) -> Result<Self, String> {
        let (here, own) = (MemoryBroker::new(), env.random());
        let (publisher, mut tasks) = (Publisher::new(settings), Tasks::default());
        let listener = listen(env, &settings.address).await?;
        let each = {
            let publisher = publisher.clone();
            move |socket| publisher.clone().serve(socket)
        };
        tasks.add(env.spawn("zeromq.pub", serve(env.clone(), listener, Kind::Pub, each)));
        for address in &settings.peers {
            let peer = Peer::new(env, address, own, &here);
            tasks.add(env.spawn("zeromq.sub", peer.follow()));
        }
        Ok(Self { here, publisher, sequence: Mutex::new(Sequence::new(own)), _tasks: tasks })
    }
}

impl Broker for ZeroMqBroker {
    fn publish<'a>(
        &'a self,
        topic: &'a str,
        message: Bytes,
    ) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            check("publish", topic, &message)?;
            let mut sequence = self.sequence.lock().await;
            self.here.publish(topic, message.clone()).await?;
            let topic_frame = Bytes::copy_from_slice(topic.as_bytes());
            self.publisher.publish(topic, &[topic_frame, sequence.next(topic).into(), message]);
            Ok(())
        })
    }

    fn subscribe<'a>(
        &'a self,
        topic: &'a str,
        buffer: usize,
    ) -> BoxFuture<'a, Result<Subscription, BrokerError>> {
        self.here.subscribe(topic, buffer)
    }
}
