//! Links under mutual TLS: rustls does the work, over the tries of [`Conn`]. Both sides prove a certificate of the same authority, and
//! what it names must cover the id that the peer claims.

mod certificates;

use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;

use guildhall_core::env::Conn;
use guildhall_core::{AppId, Env, StartError};
use guildhall_tls::{Shared, TlsConn};

use crate::config::LinkConfig;
use certificates::{Files, configs};

/// Which end of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Initiator,
    Acceptor,
}

/// What an app needs to speak TLS.
pub struct Tls {
    client: Arc<rustls::ClientConfig>,
    server: Arc<rustls::ServerConfig>,
}

impl Tls {
    /// Reads the files that `[link]` names; `None` when it names none.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub fn load(env: &Env, links: &LinkConfig) -> std::result::Result<Option<Self>, StartError> {
        let wrong = |why| StartError::setting("link", why);
        let files = Files::of(links).map_err(wrong)?;
        let Some(files) = files else { return Ok(None) };
        let (client, server) = configs(env, &files).map_err(wrong)?;
        Ok(Some(Self { client, server }))
    }

    /// The connection under TLS. The handshake takes place with the first reads and writes.
    pub(crate) fn wrap(
        &self,
        conn: Box<dyn Conn>,
        side: Side,
    ) -> Result<(Box<dyn Conn>, PeerNames)> {
        let session = match side {
            Side::Initiator => {
                // No side checks this name: links are known by the URI in the certificate, wherever they listen.
                let name = "guildhall".try_into().map_err(Error::other)?;
                rustls::ClientConnection::new(Arc::clone(&self.client), name).map(Into::into)
            }
            Side::Acceptor => {
                rustls::ServerConnection::new(Arc::clone(&self.server)).map(Into::into)
            }
        };
        let conn = Arc::new(TlsConn::new(conn, session.map_err(Error::other)?));
        Ok((Box::new(Shared(Arc::clone(&conn))), PeerNames(conn)))
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

/// What the certificate of the peer names, once the handshake is over.
pub(crate) struct PeerNames(Arc<TlsConn>);

impl PeerNames {
    /// Whether the certificate may speak for `id`: one of its URIs is `guildhall://env/world/func`, or begins that.
    pub(crate) fn check(&self, id: &AppId) -> Result<()> {
        let names = self.0.peer_uris()?;
        if names.iter().any(|name| covers(name, id)) {
            return Ok(());
        }
        let want = format!("guildhall://{}/{}/{}", id.env(), id.world(), id.func());
        let why = format!("the certificate of {id} names {names:?}, and not {want}");
        Err(Error::new(ErrorKind::PermissionDenied, why))
    }
}

fn covers(name: &str, id: &AppId) -> bool {
    let Some(path) = name.strip_prefix("guildhall://") else { return false };
    let mut have = path.trim_end_matches('/').split('/');
    let covered = [id.env(), id.world(), id.func()].into_iter().all(|want| {
        // A shorter name covers all that is below it.
        have.next().is_none_or(|part| part == want)
    });
    covered && have.next().is_none() && !path.is_empty()
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_name_covers_its_func_and_all_that_is_below_a_shorter_one() {
        let id = "prod.w1.role.7".parse().expect("an id");
        for name in ["guildhall://prod/w1/role", "guildhall://prod/w1", "guildhall://prod/"] {
            assert!(covers(name, &id), "{name}");
        }
        let others =
            ["guildhall://prod/w1/gate", "guildhall://prod/w1/role/7", "guildhall://", "prod/w1"];
        for name in others {
            assert!(!covers(name, &id), "{name}");
        }
    }
}
