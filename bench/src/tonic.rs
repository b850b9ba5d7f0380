//! tonic's side: one connection over loopback, the client cloned per call as is usual.

use anyhow::Result;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

mod echo {
    #![allow(
        missing_docs,
        clippy::all,
        clippy::pedantic,
        clippy::allow_attributes_without_reason,
        unreachable_pub,
        reason = "generated"
    )]
    include!(concat!(env!("OUT_DIR"), "/tonic/echo.rs"));
}
use crate::remote::PAYLOAD;
use echo::EchoMsg;
use echo::echo_client::EchoClient;
use echo::echo_server::{Echo, EchoServer};

struct Server;

#[tonic::async_trait]
impl Echo for Server {
    async fn say(&self, req: Request<EchoMsg>) -> Result<Response<EchoMsg>, Status> {
        Ok(Response::new(req.into_inner()))
    }
}

/// A connected client.
pub(crate) struct Tonic(EchoClient<tonic::transport::Channel>);

pub(crate) async fn start() -> Result<Tonic> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let server = tonic::transport::Server::builder().add_service(EchoServer::new(Server));
    tokio::spawn(server.serve_with_incoming(incoming));
    Ok(Tonic(EchoClient::connect(format!("http://{addr}")).await?))
}

impl Tonic {
    pub(crate) fn call(&self) -> impl Future<Output = Result<()>> + Send + use<> {
        let mut client = self.0.clone();
        async move {
            let reply = client.say(EchoMsg { payload: PAYLOAD.to_vec() }).await?;
            anyhow::ensure!(reply.get_ref().payload.len() == PAYLOAD.len(), "a wrong reply");
            Ok(())
        }
    }
}
