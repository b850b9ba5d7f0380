//! [`HostNet`]: the network as one host sees it.

use std::io::{Error, Result};

use guildhall_core::BoxFuture;
use guildhall_core::env::{Conn, Listener, Net};

use super::SimNet;
use super::hosts::Alive;
use super::socket::{SimConn, SimListener};
use super::state::HostsAndStreams;
use super::stream::Side;

/// The network as one host sees it, in one of its lives.
pub(crate) struct HostNet {
    net: SimNet,
    alive: Alive,
}

impl HostNet {
    pub(super) fn new(net: SimNet, state: &HostsAndStreams, name: &str) -> Self {
        let host = state.hosts.named(name);
        Self { net, alive: state.hosts.present(host) }
    }

    fn dial(&self, addr: &str) -> Result<SimConn> {
        let (stream, peer) = self.net.with(|state| {
            state.hosts.check(self.alive)?;
            let (to, _, port) = state.hosts.resolve(self.alive.host, addr)?;
            Ok::<_, Error>(state.dial(self.alive.host, to, port))
        })?;
        Ok(SimConn::new(self.net.clone(), stream, Side::Dialler, peer))
    }
}

impl Net for HostNet {
    /// Dropped before its end it leaves nothing behind.
    fn connect<'a>(&'a self, addr: &'a str) -> BoxFuture<'a, Result<Box<dyn Conn>>> {
        Box::pin(async move {
            let conn = self.dial(addr)?;
            conn.opened().await?;
            Ok(Box::new(conn) as Box<dyn Conn>)
        })
    }

    fn bind<'a>(&'a self, addr: &'a str) -> BoxFuture<'a, Result<Box<dyn Listener>>> {
        Box::pin(async move {
            let bound = self.net.with(|state| state.hosts.bind(self.alive, addr))?;
            Ok(Box::new(SimListener::new(self.net.clone(), self.alive, bound)) as Box<dyn Listener>)
        })
    }
}
