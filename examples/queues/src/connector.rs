//! [`Connector`]: has the clients' connections, says what happens on them, and hands each its pushes. It knows no rules of the game.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::line::{Inlet, Outlet};
use crate::message::{Event, Home, Push, decode, encode};
use crate::{Architecture, Place};

/// Connections of one connector.
const CLIENTS_MAX: usize = 10_000;
/// How often a connector says hello to a game that does not answer.
const HELLO: Duration = Duration::from_millis(500);

/// One connector. Its clients' sockets are left out: [`Connector::connect`] stands for one that has logged in, and what
/// [`Connector::push`] returns is what its socket would get.
pub struct Connector {
    home: Home,
    events: Outlet,
    pushes: Inlet,
    /// Address by player: pushes name players, and of other connectors' players they are dropped.
    players: BTreeMap<String, String>,
}

/// The URLs of a connector.
#[derive(Clone, Debug)]
pub struct Urls {
    /// Where its events go.
    pub events: String,
    /// Where its pushes come from.
    pub pushes: String,
    /// Where the game pushes to, in `queue-per-connector`: with a server it is the URL of `pushes`.
    pub reach: String,
}

impl Connector {
    /// A connector of that name. Where pushes go through a topic it waits until one has reached it, at most for `patience`: a topic
    /// keeps nothing, so what the game says to a connector that is not linked yet is lost.
    ///
    /// # Errors
    /// A backend cannot be opened, or no game answers.
    pub async fn start(
        place: &Place,
        architecture: Architecture,
        name: &str,
        urls: &Urls,
        patience: Duration,
    ) -> Result<Self> {
        let events = place.open("events", &urls.events).await?;
        let pushes = place.open("pushes", &urls.pushes).await?;
        let name_of_pushes = architecture.pushes(name);
        let (events, pushes) = match architecture {
            Architecture::TwoQueues | Architecture::QueuePerConnector => (
                Outlet::queue(&events, "events")?,
                Inlet::queue(&place.env, &pushes, name_of_pushes)?,
            ),
            Architecture::QueueAndTopic => (
                Outlet::queue(&events, "events")?,
                Inlet::topic(&place.env, &pushes, name_of_pushes).await?,
            ),
            Architecture::TwoTopics => (
                Outlet::topic(&events, "events")?,
                Inlet::topic(&place.env, &pushes, name_of_pushes).await?,
            ),
        };
        let home = Home { connector: name.to_owned(), url: urls.reach.clone() };
        let mut connector = Self { home, events, pushes, players: BTreeMap::new() };
        if architecture.loses_pushes() {
            let end = place.env.now() + patience;
            let ready = place.env.until(end, connector.until_ready(place)).await;
            ready.with_context(|| {
                format!("no game has answered within {patience:?}; start it, and check both URLs")
            })?;
        }
        Ok(connector)
    }

    /// Says hello until a game answers.
    async fn until_ready(&mut self, place: &Place) {
        loop {
            if let Err(error) = self.say(&Event::Hello { home: self.home.clone() }).await {
                // The next one may get through.
                tracing::warn!(%error, "no hello to the game");
            }
            let soon = place.env.now() + HELLO;
            while let Some(received) = place.env.until(soon, self.pushes.next()).await {
                match decode(&received.body) {
                    Ok(Push::Ready { connector }) if connector == self.home.connector => return,
                    _ => {}
                }
            }
        }
    }

    async fn say(&self, event: &Event) -> Result<()> {
        self.events.send(encode(event)?).await
    }

    /// A client has logged in as `uid`.
    ///
    /// # Errors
    /// There are too many, or the event cannot be sent; the client is to be told and closed.
    pub async fn connect(&mut self, addr: &str, uid: &str) -> Result<()> {
        if self.players.len() >= CLIENTS_MAX {
            bail!("this connector has {CLIENTS_MAX} clients; start another one");
        }
        let (addr, uid) = (addr.to_owned(), uid.to_owned());
        let home = self.home.clone();
        self.say(&Event::Connect { addr: addr.clone(), uid: uid.clone(), home }).await?;
        self.players.insert(uid, addr);
        Ok(())
    }

    /// A client has sent something.
    ///
    /// # Errors
    /// The event cannot be sent: the queue is full because the game is too slow. Whoever sends is to be slowed down.
    pub async fn message(&self, addr: &str, data: &str) -> Result<()> {
        self.say(&Event::Message { addr: addr.to_owned(), data: data.to_owned() }).await
    }

    /// A client has left, or its connection has failed. The event has the address alone: the game knows who that is.
    ///
    /// # Errors
    /// The event cannot be sent.
    pub async fn close(&mut self, addr: &str, failed: bool) -> Result<()> {
        self.players.retain(|_, other| other != addr);
        let addr = addr.to_owned();
        self.say(&if failed { Event::Error { addr } } else { Event::Close { addr } }).await
    }

    /// The next push for one of this connector's clients: its address and the text.
    ///
    /// # Cancel safety
    /// No push is lost.
    pub async fn push(&mut self) -> (String, String) {
        loop {
            let received = self.pushes.next().await;
            self.pushes.ack(&received).await;
            match decode(&received.body) {
                Ok(Push::Text { uid, text }) => {
                    if let Some(addr) = self.players.get(&uid) {
                        return (addr.clone(), text);
                    }
                }
                Ok(Push::Ready { .. }) => {}
                Err(error) => tracing::warn!(%error, "dropped a push"),
            }
        }
    }

    /// Pushes that were lost because this connector was too slow for its topic.
    pub fn lost(&self) -> u64 {
        self.pushes.lost
    }
}
