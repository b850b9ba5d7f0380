//! [`Dial`]: connections to the collector, on the sockets of [`Env`].

use std::error::Error;
use std::fmt;
use std::io;
use std::task::{Context, Poll};

use guildhall_core::{BoxFuture, Env};
use guildhall_http::Io;
use guildhall_tls::{Roots, connect};
use tonic::codegen::Service;
use tonic::codegen::http::Uri;

/// Connects to the collector; with roots, by TLS.
#[derive(Clone, Debug)]
pub(crate) struct Dial {
    pub(crate) env: Env,
    pub(crate) roots: Option<Roots>,
}

impl Dial {
    async fn connect(self, uri: Uri) -> io::Result<Io> {
        let port = if self.roots.is_some() { 443 } else { 80 };
        let (host, port) = (uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(port));
        let address = format!("{host}:{port}");
        connect(&self.env, self.roots.as_ref(), &address, &["h2"]).await.map(Io::new)
    }
}

impl Service<Uri> for Dial {
    type Response = Io;
    type Error = NoConnection;
    type Future = BoxFuture<'static, Result<Io, NoConnection>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), NoConnection>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dial = self.clone();
        Box::pin(async move { dial.connect(uri).await.map_err(NoConnection) })
    }
}

/// The collector was not reached, or has not proved who it is.
#[derive(Debug)]
pub(crate) struct NoConnection(io::Error);

impl fmt::Display for NoConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for NoConnection {}
