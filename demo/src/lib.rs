//! The demo game of Guildhall: accounts log in over HTTP, connect to a gate, and play roles that have a name and power.
//!
//! ```text
//! cargo run --release -p demo                  # everything in one process, on loopback, with its data in ./data
//! cargo run --release -p demo -- bots          # in another terminal: a hundred players, every answer checked
//! ```
//!
//! It is read as well as run: each part is what a game of your own would have.
//!
//! | module | what |
//! |---|---|
//! | [`serve`] | from the configuration to an app: the same builder calls for one process and for several |
//! | [`login`] | `POST /register`, `POST /login`: passwords in, tokens out |
//! | [`role`] | what players do: actors with state, names that are unique, pushes to all others, wallets that pay each other |
//! | [`club`] | clubs of roles: an actor each, and rows that keep everybody out of a second one |
//! | [`online`] | who is connected, where, and since when: the players' sessions |
//! | [`uid`] | ids that are given once |
//! | [`audit`] | whether all the money is there |
//! | [`bots`] | players that know what each answer must be |
//!
//! # Several processes
//!
//! `demo.serve` says which parts a process runs. Two files are ready; each process in a terminal of its own:
//!
//! ```text
//! cargo run --release -p demo -- --config demo/role.toml
//! cargo run --release -p demo -- --config demo/edge.toml
//! ```
//!
//! They find each other by `app.discovery`, a list of addresses; the gate says `ready` when it knows the game. Bots need no
//! other arguments: logins and gate listen where they always do.
//!
//! | part | what | how many processes |
//! |---|---|---|
//! | `login` | HTTP, accounts | one, or several on one store and one folder of keys |
//! | `gate` | clients' connections | any number; `demo.keys` says where they get the login server's public keys |
//! | `role` | roles and their names | several on one store |
//! | `club` | clubs | several on one store |
//! | `clubrole` | which club may have a role | several on one store |
//! | `uid` | ids of roles and clubs | several on one store |
//! | `online` | sessions, and who has one | any number |
//!
//! # What players meet
//!
//! A token is a JWT (EdDSA), signed with a key that the first start makes in `data/keys`, and checked by the gate with the
//! public half. The session's player is the key of its role, whatever a client writes into a request. What a role has, its name,
//! and who is in which club, are in the store when the answer comes; a crash may cost the count of its logins. SIGTERM tells the
//! clients, saves the actors, and ends with 0.

mod http;
pub mod needs;
pub mod proto;
pub mod club;
pub mod online;
pub mod uid;
pub mod login;
pub mod role;
pub mod bots;
pub mod serve;
pub mod audit;
