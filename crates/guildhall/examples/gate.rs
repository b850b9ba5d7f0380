//! A gate and two clients: one calls, the other gets a push. Real sockets, one process.
//!
//! ```text
//! cargo run -p guildhall --example gate
//! ```
//!
//! Output:
//!
//!     ann said it
//!     bob hears ann: hello

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

// ANCHOR: gate
use std::time::Duration;

use guildhall::gate::{Authenticate, Gate, Identity, SessionActor, SessionServer};
use guildhall::{App, Config, Cx, Env, Status};
use guildhall_client::{Client, Event, Options};
use proto::chat::{Chat, ChatClient, ChatEvents, ChatServer, SaidMsg, SayReq, SayRsp};

struct Room;

impl Chat for Room {
    async fn say(&self, cx: &Cx, req: SayReq) -> Result<SayRsp, Status> {
        // The player comes from the session, never from a field of the request.
        let player = cx.player().unwrap_or_default().to_owned();
        let said = SaidMsg { player: player.clone(), text: req.text };
        ChatEvents::others(cx, player.as_str()).said(said).await?;
        Ok(SayRsp { player })
    }
}
// ANCHOR_END: gate

/// Accepts every token, for this example only. By default a gate verifies JSON Web Tokens, configured by `[gate.jwt]`.
struct Everybody;

impl Authenticate for Everybody {
    fn authenticate(&self, token: &str, _wall: Duration) -> Result<Identity, Status> {
        Ok(Identity { account: token.to_owned(), ..Identity::default() })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let gate = Gate::new().authenticate(Everybody);
    let config = Config::builder().set("gate.tcp", "127.0.0.1:0").build()?;
    let app = App::with(config).serve(ChatServer::new(Room)).component(gate.clone());
    let app = app.actor::<SessionActor>(SessionServer).start().await?;

    let address = format!("tcp://{}", gate.tcp_addr().ok_or("it listens")?);
    let env = Env::real();
    let (ann, _) = Client::connect(&env, &address, "ann", Options::default()).await?;
    let (_bob, mut heard) = Client::connect(&env, &address, "bob", Options::default()).await?;

    let reply = ann.call(ChatClient::SAY, SayReq { text: "hello".into() }).await?;
    println!("{} said it", reply.player);
    while let Some(event) = heard.next().await {
        if let Event::Push(push) = event
            && let Some(said) = push.decode(ChatEvents::SAID)?
        {
            println!("bob hears {}: {}", said.player, said.text);
            break;
        }
    }
    app.shutdown().await;
    Ok(())
}
