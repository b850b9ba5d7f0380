//! [`Game`]: has the rules, which here are those of a chat, and knows no sockets.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};

use crate::line::{Inlet, Outlet, Received};
use crate::message::{Event, Home, Push, decode, encode};
use crate::{Architecture, Place};

/// Players, and connectors, that one game has.
const PLAYERS_MAX: usize = 100_000;
const CONNECTORS_MAX: usize = 64;

/// One game process.
pub struct Game<'a> {
    place: &'a Place,
    architecture: Architecture,
    events: Inlet,
    pushes: Option<Outlet>,
    /// Where to push to, by connector: `queue-per-connector`. The others have one place for all.
    connectors: BTreeMap<String, (Home, Outlet)>,
    /// The one connector of `two-queues`.
    only: Option<String>,
    /// Player by address, and home by player.
    addresses: BTreeMap<String, String>,
    players: BTreeMap<String, Home>,
}

impl<'a> Game<'a> {
    /// A game that takes events at `events` and pushes at `pushes`.
    ///
    /// # Errors
    /// A backend cannot be opened.
    pub async fn start(
        place: &'a Place,
        architecture: Architecture,
        events: &str,
        pushes: &str,
    ) -> Result<Self> {
        let events = place.open("events", events).await?;
        let pushes = place.open("pushes", pushes).await?;
        let name = architecture.pushes("");
        let pushes = match architecture {
            Architecture::TwoQueues => Some(Outlet::queue(&pushes, name)?),
            Architecture::QueueAndTopic | Architecture::TwoTopics => {
                Some(Outlet::topic(&pushes, name)?)
            }
            Architecture::QueuePerConnector => None,
        };
        let events = match architecture.loses_events() {
            true => Inlet::topic(&place.env, &events, "events").await?,
            false => Inlet::queue(&place.env, &events, "events")?,
        };
        Ok(Self {
            place,
            architecture,
            events,
            pushes,
            connectors: BTreeMap::new(),
            only: None,
            addresses: BTreeMap::new(),
            players: BTreeMap::new(),
        })
    }

    /// Takes the next event, and handles it.
    ///
    /// # Errors
    /// The event was refused: it was none, or the rules do not allow it. The game goes on.
    ///
    /// # Cancel safety
    /// An event whose handling was cancelled is not acknowledged: see [`Game::take`].
    pub async fn step(&mut self) -> Result<Event> {
        let received = self.take().await;
        self.handle(&received).await
    }

    /// Takes the next event. A game that ends before it has handled it has lost it where the queue has no acknowledgements; elsewhere
    /// the next game gets it.
    pub async fn take(&mut self) -> Received {
        self.events.next().await
    }

    /// Handles an event, and acknowledges it then: not before, or a crash in between would lose it. So an event may be handled twice
    /// (`Received::attempt` says so); rules that mind, such as payments, need a record of what was done.
    ///
    /// # Errors
    /// As of [`Game::step`].
    pub async fn handle(&mut self, received: &Received) -> Result<Event> {
        let event: Result<Event> = decode(&received.body);
        let handled = match event {
            Ok(event) => self.apply(&event).await.map(|()| event),
            Err(error) => Err(error),
        };
        // A refused event is handled: it would be refused again.
        self.events.ack(received).await;
        handled
    }

    async fn apply(&mut self, event: &Event) -> Result<()> {
        match event {
            Event::Hello { home } => {
                let ready = Push::Ready { connector: home.connector.clone() };
                let pushes = self.pushes.as_ref().context("this architecture needs no hello")?;
                pushes.send(encode(&ready)?).await
            }
            Event::Connect { addr, uid, home } => {
                self.register(home).await?;
                if self.players.len() >= PLAYERS_MAX {
                    bail!("the game has {PLAYERS_MAX} players; {uid} has to wait");
                }
                self.addresses.insert(addr.clone(), uid.clone());
                self.players.insert(uid.clone(), home.clone());
                self.push(uid, &format!("welcome, {uid}")).await
            }
            Event::Message { addr, data } => {
                let from = self.addresses.get(addr);
                let from =
                    from.with_context(|| format!("{addr} sends before it is connected"))?.clone();
                // `@bob hi` goes to bob, everything else back.
                match data.strip_prefix('@').and_then(|rest| rest.split_once(' ')) {
                    Some((uid, text)) => self.push(uid, &format!("{from}: {text}")).await,
                    None => self.push(&from, &format!("{from}: {data}")).await,
                }
            }
            Event::Close { addr } | Event::Error { addr } => {
                let uid = self.addresses.remove(addr);
                let uid = uid.with_context(|| format!("{addr} leaves and was not connected"))?;
                // Not where the player has come back by another connection.
                if !self.addresses.values().any(|other| *other == uid) {
                    self.players.remove(&uid);
                }
                Ok(())
            }
        }
    }

    /// Remembers a connector. One that has restarted says its URL anew.
    async fn register(&mut self, home: &Home) -> Result<()> {
        if self.architecture == Architecture::TwoQueues {
            let only = self.only.get_or_insert_with(|| home.connector.clone());
            if *only != home.connector {
                bail!(
                    "connector `{}` beside `{only}`: they would take each other's pushes; stop one, or take queue-per-connector",
                    home.connector
                );
            }
        }
        let known = self.connectors.get(&home.connector).is_some_and(|(known, _)| known == home);
        if self.architecture != Architecture::QueuePerConnector || known {
            return Ok(());
        }
        if self.connectors.len() >= CONNECTORS_MAX && !self.connectors.contains_key(&home.connector)
        {
            bail!("the game has {CONNECTORS_MAX} connectors; `{}` is one too many", home.connector);
        }
        let backend = self.place.open("a connector's URL", &home.url).await?;
        let outlet = Outlet::queue(&backend, self.architecture.pushes(&home.connector))?;
        self.connectors.insert(home.connector.clone(), (home.clone(), outlet));
        Ok(())
    }

    /// Pushes a text to a player.
    async fn push(&self, uid: &str, text: &str) -> Result<()> {
        let home = self.players.get(uid).with_context(|| format!("`{uid}` is not connected"))?;
        let pushes = self.connectors.get(&home.connector).map(|(_, pushes)| pushes);
        let pushes = pushes.or(self.pushes.as_ref());
        let pushes =
            pushes.with_context(|| format!("connector `{}` is unknown", home.connector))?;
        let push = Push::Text { uid: uid.to_owned(), text: text.to_owned() };
        pushes.send(encode(&push)?).await
    }

    /// Events that were lost because this game was too slow for its topic.
    pub fn lost(&self) -> u64 {
        self.events.lost
    }
}
