//! A game behind queues: a connector has the clients and knows no rules; a game process has the rules and knows no sockets. What clients
//! do goes to the game as events, what the game says comes back as pushes, and between the two stands a queue or a topic.
//!
//! Both ends use Guildhall's seams [`Queue`](guildhall_core::queue::Queue) and [`Broker`](guildhall_core::broker::Broker) alone, so
//! the same program runs on memory, Redis, NATS, RabbitMQ and ZeroMQ: the URL says which. What differs is the architecture, a flag:
//!
//! | [`Architecture`] | events | pushes | as it is known | what it costs |
//! |---|---|---|---|---|
//! | `two-queues` | a queue | a queue | RabbitMQ, Redis lists, ZeroMQ with one connector | One connector only: a second one would take pushes of the first. The game refuses it |
//! | `queue-and-topic` | a queue | a topic | ZeroMQ PUSH/PULL and PUB/SUB | Every connector gets every push and drops those of other players. A topic keeps nothing, so a connector waits until pushes reach it |
//! | `queue-per-connector` | a queue | a queue for each connector | ZeroMQ with registered connectors | The game keeps a list of who is where, and a player who is not on it is an error |
//! | `two-topics` | a topic | a topic | Redis pub/sub | The same, and events are lost while no game is there |
//!
//! What survives a crash depends on the backend, which says so itself (`QueueCapabilities`): on Redis, NATS and RabbitMQ an event that was
//! popped and not acknowledged comes again; on ZeroMQ it is gone.
//!
//! **Redis lists** (LPUSH and BRPOP) are not what `redis:` does: its queues are streams with one consumer group, which stand for them here.
//! They keep the order and give each item to one receiver, as a list does. A list forgets an item when it is popped, so a crash between
//! BRPOP and handling loses the event; a stream gives it to the next game. What such a crash costs without acknowledgements is shown by `zeromq:`.
//!
//! Read in this order: `message.rs` (what is said), `line.rs` (one direction over a queue or a topic), `connector.rs`, `game.rs`. The
//! tests show what each architecture keeps and what it loses.

#![allow(missing_debug_implementations, reason = "an example shows as little as it can")]

pub mod message;
pub mod line;
mod architecture;
pub mod connector;
pub mod game;

pub use architecture::{Architecture, Place};
pub use connector::Connector;
pub use game::Game;
