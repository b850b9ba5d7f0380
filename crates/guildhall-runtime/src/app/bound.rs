//! [`Bound`]: where links from other apps come from.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use guildhall_core::backend::{Opener, without_secrets};
use guildhall_core::env::{Listener, Net};
use guildhall_core::{Env, StartError};
use guildhall_link::LinkConfig;

/// The network of the links, and where this app listens on it.
#[derive(Default)]
pub(super) struct Bound {
    /// Where it is not that of the machine.
    pub(super) net: Option<Arc<dyn Net>>,
    pub(super) listener: Option<Box<dyn Listener>>,
    pub(super) addr: Option<SocketAddr>,
}

impl Bound {
    /// Listens for links, as the settings say.
    pub(super) async fn open(
        env: &Env,
        links: &LinkConfig,
        opener: &Opener,
    ) -> Result<Self, StartError> {
        let (key, net, bound) = match (links.over.as_str(), links.listen.as_str()) {
            ("", "") => return Ok(Self::default()),
            ("", listen) => ("link.listen", None, env.listen("link.listen", listen).await),
            (over, _) => {
                let net = net(opener, over).await?;
                let bound = listen(&*net).await;
                ("link.over", Some(net), bound)
            }
        };
        let (listener, addr) = bound.map_err(|why| StartError::listen(key, why))?;
        if links.secret.is_empty() && links.tls_cert.is_empty() && !addr.ip().is_loopback() {
            let what = if net.is_some() {
                "others reach the server of link.over".to_owned()
            } else {
                format!("link.listen = \"{addr}\" is outside loopback")
            };
            let why = format!(
                "{what} and there is neither link.secret nor TLS; set the same secret on all apps, or tls_cert, tls_key and tls_ca"
            );
            return Err(StartError::setting(key, why));
        }
        Ok(Self { net, listener: Some(listener), addr: Some(addr) })
    }

    /// What the record of the app says of it.
    pub(super) fn endpoints(&self, links: &LinkConfig) -> BTreeMap<String, String> {
        let Some(addr) = self.addr else { return [].into() };
        let address = match links.advertise.as_str() {
            advertise if self.net.is_none() && !advertise.is_empty() => advertise.to_owned(),
            _ => addr.to_string(),
        };
        [("link".to_owned(), address)].into()
    }
}

async fn net(opener: &Opener, url: &str) -> Result<Arc<dyn Net>, StartError> {
    let backend = opener.open("link.over", url).await?;
    backend.net.ok_or_else(|| {
        let shown = without_secrets(url);
        let why = format!("link.over = \"{shown}\" carries no links; write the URL of a backend that does, as nats://host:4222, or nothing for TCP");
        StartError::backend("link.over", why)
    })
}

async fn listen(net: &dyn Net) -> Result<(Box<dyn Listener>, SocketAddr), String> {
    let wrong = |error: std::io::Error| format!("link.over: {error}");
    let listener = net.bind("").await.map_err(wrong)?;
    let addr = listener.local_addr().map_err(wrong)?;
    Ok((listener, addr))
}
