//! Hosts of a simulated network: names, addresses, listening ports.

use std::collections::{BTreeMap, VecDeque};
use std::io::{Error, ErrorKind, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::task::Waker;

use super::paths::HostId;
use super::stream::StreamId;

/// How many hosts have addresses.
const HOSTS_MAX: usize = 65_000;

/// Connections that wait to be accepted on one port; one more is refused.
const BACKLOG_MAX: usize = 1024;

/// Where ports begin that nobody asked for by number.
const FREE_PORTS: u16 = 32_768;

#[derive(Default)]
pub(super) struct Hosts {
    hosts: Vec<Host>,
    names: BTreeMap<Arc<str>, HostId>,
}

struct Host {
    name: Arc<str>,
    /// How often it has been killed; sockets of an earlier life are dead.
    life: u64,
    ports: BTreeMap<u16, Port>,
    last_port: u16,
}

/// A listening port.
#[derive(Default)]
struct Port {
    waiting: VecDeque<StreamId>,
    acceptor: Option<Waker>,
}

/// A host in one of its lives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Alive {
    pub(super) host: HostId,
    life: u64,
}

impl Hosts {
    pub(super) fn add(&mut self, name: &str) {
        let name: Arc<str> = name.into();
        assert!(self.hosts.len() < HOSTS_MAX, "a simulated network has {HOSTS_MAX} hosts at most");
        let id = HostId(u16::try_from(self.hosts.len()).expect("below HOSTS_MAX"));
        let before = self.names.insert(Arc::clone(&name), id);
        assert!(before.is_none(), "there are two hosts of the name {name}");
        self.hosts.push(Host { name, life: 0, ports: BTreeMap::new(), last_port: FREE_PORTS });
    }

    /// # Panics
    /// Without a host of that name: the test is wrong.
    pub(super) fn named(&self, name: &str) -> HostId {
        let known = || self.names.keys().map(|name| &**name).collect::<Vec<_>>().join(", ");
        let found = self.names.get(name).copied();
        found.unwrap_or_else(|| panic!("there is no host `{name}`; there are {}", known()))
    }

    pub(super) fn name(&self, id: HostId) -> Arc<str> {
        Arc::clone(&self.host(id).name)
    }

    pub(super) fn ip(&self, id: HostId) -> Ipv4Addr {
        let [high, low] = (id.0 + 1).to_be_bytes();
        Ipv4Addr::new(10, 77, high, low)
    }

    fn host(&self, id: HostId) -> &Host {
        &self.hosts[usize::from(id.0)]
    }

    fn host_mut(&mut self, id: HostId) -> &mut Host {
        &mut self.hosts[usize::from(id.0)]
    }

    /// An address for the dialling end of a new stream.
    pub(super) fn dialler_addr(&mut self, id: HostId) -> SocketAddr {
        let host = self.host_mut(id);
        host.last_port = host.last_port.checked_add(1).unwrap_or(FREE_PORTS);
        (self.ip(id), self.host(id).last_port).into()
    }

    /// Ends the host's life; who waited for connections, to learn of it.
    pub(super) fn end_life(&mut self, id: HostId) -> Vec<Waker> {
        let host = self.host_mut(id);
        host.life += 1;
        let ports = std::mem::take(&mut host.ports);
        ports.into_values().filter_map(|port| port.acceptor).collect()
    }

    /// A stream arrives at a port: whom to wake, or that nobody listens.
    pub(super) fn knock(
        &mut self,
        id: HostId,
        port: u16,
        stream: StreamId,
    ) -> Result<Option<Waker>> {
        let port = self.host_mut(id).ports.get_mut(&port);
        let port = port.filter(|port| port.waiting.len() < BACKLOG_MAX);
        let port = port.ok_or(ErrorKind::ConnectionRefused)?;
        port.waiting.push_back(stream);
        Ok(port.acceptor.take())
    }

    /// The next stream that waits at the port.
    pub(super) fn next(
        &mut self,
        alive: Alive,
        port: u16,
        waker: &Waker,
    ) -> Result<Option<StreamId>> {
        let port = self.alive(alive)?.ports.get_mut(&port).ok_or(ErrorKind::NotConnected)?;
        let next = port.waiting.pop_front();
        if next.is_none() {
            port.acceptor = Some(waker.clone());
        }
        Ok(next)
    }

    /// Stops listening; the streams that nobody has accepted.
    pub(super) fn unbind(&mut self, alive: Alive, port: u16) -> VecDeque<StreamId> {
        let port = self.alive(alive).ok().and_then(|host| host.ports.remove(&port));
        port.map(|port| port.waiting).unwrap_or_default()
    }

    /// # Errors
    /// It was killed.
    pub(super) fn check(&mut self, alive: Alive) -> Result<()> {
        self.alive(alive).map(drop)
    }

    /// The host in its present life.
    pub(super) fn present(&self, host: HostId) -> Alive {
        Alive { host, life: self.host(host).life }
    }

    fn alive(&mut self, alive: Alive) -> Result<&mut Host> {
        let host = self.host_mut(alive.host);
        if host.life == alive.life {
            return Ok(host);
        }
        Err(Error::new(ErrorKind::NetworkDown, format!("{} was killed", host.name)))
    }

    /// Whom `host:port` names, as seen from a host: each has a loopback of its own.
    pub(super) fn resolve(&self, from: HostId, addr: &str) -> Result<(HostId, Ipv4Addr, u16)> {
        let (name, port) = addr.rsplit_once(':').ok_or_else(|| nowhere(addr, "has no port"))?;
        let port = port.parse().map_err(|_| nowhere(addr, "its port is no number to 65535"))?;
        if name == "localhost" {
            return Ok((from, Ipv4Addr::LOCALHOST, port));
        }
        if let Some(id) = self.names.get(name) {
            return Ok((*id, self.ip(*id), port));
        }
        let ip = name.parse::<Ipv4Addr>();
        let ip = ip.map_err(|_| nowhere(addr, "no host of the simulation has this name"))?;
        if ip.is_loopback() || ip.is_unspecified() {
            return Ok((from, ip, port));
        }
        let id = self.names.values().find(|id| self.ip(**id) == ip);
        id.map(|id| (*id, ip, port)).ok_or_else(|| nowhere(addr, "no host has this address"))
    }

    pub(super) fn bind(&mut self, alive: Alive, addr: &str) -> Result<SocketAddr> {
        let (on, ip, port) = self.resolve(alive.host, addr)?;
        if on != alive.host {
            return Err(Error::new(ErrorKind::AddrNotAvailable, format!("`{addr}` is elsewhere")));
        }
        let ports = &mut self.alive(alive)?.ports;
        let free = |port: &u16| !ports.contains_key(port);
        let port = match port {
            0 => (FREE_PORTS..=u16::MAX).find(free),
            port => Some(port).filter(free),
        };
        let port = port.ok_or_else(|| Error::new(ErrorKind::AddrInUse, "it is in use"))?;
        ports.insert(port, Port::default());
        Ok((ip, port).into())
    }
}

/// Says why an address leads nowhere.
fn nowhere(addr: &str, why: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("`{addr}`: {why}"))
}
