//! A network in memory under virtual time: hosts, streams that take time, partitions and resets, all from one seed.

mod paths;
mod stream;
mod trace;
mod hosts;
mod state;
mod socket;
mod host_net;

use std::collections::BTreeSet;
use std::io::{Error, ErrorKind, Result};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use guildhall_core::env::{Conn, Listener, Net};
use guildhall_core::{BoxFuture, Env};
use parking_lot::Mutex;
use tokio::sync::Notify;

pub(crate) use host_net::HostNet;
use state::HostsAndStreams;
pub use trace::Trace;

/// The network between the hosts of a simulation. Clones are the same network.
#[derive(Clone)]
pub(crate) struct SimNet(Arc<Shared>);

struct Shared {
    state: Mutex<HostsAndStreams>,
    /// Told when something is due earlier than all else.
    earlier: Notify,
}

impl SimNet {
    /// Makes a network without hosts. `env` is the simulator's: its clock times the deliveries, its random numbers the
    /// latencies, and the one task that delivers ends when it is killed.
    pub(crate) fn new(env: &Env) -> Self {
        let state = Mutex::new(HostsAndStreams::new(env.clone()));
        let net = Self(Arc::new(Shared { state, earlier: Notify::new() }));
        env.spawn("sim-deliver", deliver(net.clone(), env.clone()));
        net
    }

    /// Adds a host.
    pub(crate) fn add(&self, name: &str) {
        self.with(|state| state.hosts.add(name));
    }

    /// The sockets of the host's present life; none of them works after [`SimNet::kill`].
    pub(crate) fn net_of(&self, name: &str) -> HostNet {
        self.with(|state| HostNet::new(self.clone(), state, name))
    }

    /// An address of the host, with this port.
    pub(crate) fn address(&self, name: &str, port: u16) -> String {
        self.with(|state| format!("{}:{port}", state.hosts.ip(state.hosts.named(name))))
    }

    /// Ends all that the host has open. Peers see resets, one latency later.
    pub(crate) fn kill(&self, name: &str) {
        self.with(|state| state.kill(state.hosts.named(name)));
    }

    /// Stalls, or lets go on, what travels from one host to another.
    pub(crate) fn cut(&self, from: &str, to: &str, cut: bool) {
        self.with(|state| state.cut(state.hosts.named(from), state.hosts.named(to), cut));
    }

    /// Ends all partitions.
    pub(crate) fn heal_all(&self) {
        self.with(HostsAndStreams::heal_all);
    }

    /// Sets how long everything that is sent from now on takes; `None` is the usual latency.
    pub(crate) fn delay(&self, from: &str, to: &str, delay: Option<Range<Duration>>) {
        self.with(|state| {
            let way = (state.hosts.named(from), state.hosts.named(to));
            state.paths.delay(way, delay);
        });
    }

    /// Ends all delays.
    pub(crate) fn all_near(&self) {
        self.with(|state| state.paths.all_near());
    }

    /// From which host to which there is a connection whose ends are both open.
    pub(crate) fn connected(&self) -> BTreeSet<(Arc<str>, Arc<str>)> {
        self.with(|state| state.connected())
    }

    /// Adds a line of the test's own to the trace.
    pub(crate) fn note(&self, text: &str) {
        self.with(|state| state.note(text));
    }

    /// What was delivered so far.
    pub(crate) fn trace(&self) -> Trace {
        self.with(|state| state.trace.clone())
    }

    /// The one way to the state: afterwards those are woken whom the change concerns.
    fn with<R>(&self, change: impl FnOnce(&mut HostsAndStreams) -> R) -> R {
        let mut state = self.0.state.lock();
        let before = state.next_due();
        let result = change(&mut state);
        let earlier = state.next_due().is_some_and(|due| before.is_none_or(|before| due < before));
        let woken = std::mem::take(&mut state.woken);
        drop(state);
        if earlier {
            self.0.earlier.notify_one();
        }
        woken.into_iter().for_each(std::task::Waker::wake);
        result
    }
}

/// Delivers what is due, when it is due.
async fn deliver(net: SimNet, env: Env) {
    loop {
        let next = net.with(|state| {
            state.deliver();
            state.next_due()
        });
        match next {
            Some(at) => drop(env.until(at, net.0.earlier.notified()).await),
            None => net.0.earlier.notified().await,
        }
    }
}

/// The network of the simulator itself, which has no sockets.
pub(crate) struct NoNet;

impl Net for NoNet {
    fn connect<'a>(&'a self, _addr: &'a str) -> BoxFuture<'a, Result<Box<dyn Conn>>> {
        Box::pin(std::future::ready(Err(no_sockets())))
    }

    fn bind<'a>(&'a self, _addr: &'a str) -> BoxFuture<'a, Result<Box<dyn Listener>>> {
        Box::pin(std::future::ready(Err(no_sockets())))
    }
}

fn no_sockets() -> Error {
    Error::new(ErrorKind::Unsupported, "the simulator has no sockets; ask the env of a host")
}
