//! Backends, and the two ends on them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use guildhall_testkit::process::free_ports;
use queues::connector::Urls;
use queues::message::Event;
use queues::{Architecture, Connector, Game, Place};
use servers::{NATS, RABBITMQ, REDIS, is_there, shared};

/// One test of a fact per backend: `on! { variants: a_fact: memory redis }`.
macro_rules! on {
    ($file:ident: $fact:ident: $($backend:ident)*) => {
        mod $fact { $( on! { @one $file $fact $backend } )* }
    };
    // Time stands still while all wait, and goes on to what they wait for.
    (@one $file:ident $fact:ident memory) => {
        on! { @test $file $fact memory (start_paused = true) }
    };
    (@one $file:ident $fact:ident $backend:ident) => {
        on! { @test $file $fact $backend (flavor = "multi_thread") }
    };
    (@test $file:ident $fact:ident $backend:ident ($($tokio:tt)*)) => {
        #[tokio::test($($tokio)*)]
        async fn $backend() {
            let name = concat!(stringify!($file), "::", stringify!($fact), "::", stringify!($backend));
            if let Some(ground) = crate::ground::Ground::new(stringify!($backend), name) {
                super::$fact(&ground).await;
            }
        }
    };
}

/// Longest wait for something to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A backend of one test: its URLs as game and connectors reach it.
pub(crate) struct Ground {
    pub(crate) place: Place,
    kind: Kind,
}

enum Kind {
    /// One URL for all.
    Server(String),
    /// Ports: of the game, and of each connector.
    ZeroMq(u32),
}

impl Ground {
    /// `None` where the server is not installed, which is counted.
    pub(crate) fn new(backend: &str, test: &str) -> Option<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let prefix = format!("q{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let kind = match backend {
            "memory" => Kind::Server("memory:".to_owned()),
            "zeromq" => Kind::ZeroMq(free_ports(20).start),
            "redis" if !is_there(&REDIS, test) => return None,
            "nats" if !is_there(&NATS, test) => return None,
            "rabbitmq" if !is_there(&RABBITMQ, test) => return None,
            "redis" => Kind::Server(format!(
                "{}?prefix={prefix}&ack_wait_ms=5000&queue_items=100",
                shared(&REDIS).url()
            )),
            "nats" => Kind::Server(format!(
                "{}?prefix={prefix}&queue_ack_ms=5000&queue_items=100&queue_bytes=4194304&deadline_ms=30000",
                shared(&NATS).url()
            )),
            "rabbitmq" => Kind::Server(format!(
                "{}?prefix={prefix}&ack_wait_ms=5000&max_items=100&deadline_ms=30000",
                shared(&RABBITMQ).url()
            )),
            other => panic!("there is no backend `{other}` here"),
        };
        Some(Self { place: Place::new().unwrap(), kind })
    }

    /// The URLs of connector number `n` from 1 to 4, and its name.
    pub(crate) fn urls(&self, n: u32) -> (String, Urls) {
        let name = format!("c{n}");
        let urls = match &self.kind {
            Kind::Server(url) => {
                Urls { events: url.clone(), pushes: url.clone(), reach: url.clone() }
            }
            Kind::ZeroMq(game) => {
                let own = game + 4 * n;
                Urls {
                    events: format!("zeromq://127.0.0.1:0?queues=127.0.0.1:{}&items=100", game + 1),
                    pushes: format!("zeromq://127.0.0.1:{own}?peers=127.0.0.1:{}", game + 2),
                    reach: format!("zeromq://127.0.0.1:0?queues=127.0.0.1:{}", own + 1),
                }
            }
        };
        (name, urls)
    }

    pub(crate) async fn game(&self, architecture: Architecture) -> Game<'_> {
        let (events, pushes) = match &self.kind {
            Kind::Server(url) => (url.clone(), url.clone()),
            Kind::ZeroMq(game) => (
                format!("zeromq://127.0.0.1:{game}"),
                match architecture {
                    // The queue of the one connector.
                    Architecture::TwoQueues => self.urls(1).1.reach,
                    // At the port after the queue of events.
                    _ => format!("zeromq://127.0.0.1:{}", game + 2),
                },
            ),
        };
        Game::start(&self.place, architecture, &events, &pushes).await.unwrap()
    }

    pub(crate) async fn connector(&self, architecture: Architecture, n: u32) -> Connector {
        let (name, urls) = self.urls(n);
        Connector::start(&self.place, architecture, &name, &urls, PATIENCE).await.unwrap()
    }

    /// The same where it waits for the game, which answers meanwhile.
    pub(crate) async fn joined(
        &self,
        game: &mut Game<'_>,
        architecture: Architecture,
        n: u32,
    ) -> Connector {
        let start = self.connector(architecture, n);
        let mut start = std::pin::pin!(start);
        loop {
            tokio::select! {
                connector = &mut start => return connector,
                hello = game.step() => { hello.unwrap(); }
            }
        }
    }

    pub(crate) async fn within<F: Future>(&self, what: &str, future: F) -> F::Output {
        let env = &self.place.env;
        let done = env.until(env.now() + PATIENCE, future).await;
        done.unwrap_or_else(|| panic!("{what}: nothing within {PATIENCE:?}"))
    }

    /// The next event that is no hello, which the game must not refuse.
    pub(crate) async fn step(&self, game: &mut Game<'_>) -> Event {
        loop {
            match self.within("an event", game.step()).await.unwrap() {
                Event::Hello { .. } => {}
                event => return event,
            }
        }
    }

    /// The next push at a connector.
    pub(crate) async fn push(&self, connector: &mut Connector) -> (String, String) {
        self.within("a push", connector.push()).await
    }
}

pub(crate) fn said(addr: &str, text: &str) -> (String, String) {
    (addr.to_owned(), text.to_owned())
}
