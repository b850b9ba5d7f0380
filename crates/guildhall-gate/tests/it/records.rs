//! What a session's commands have come to is kept for as long as the session, and no longer.

use std::sync::Arc;

use guildhall::discovery::memory::MemoryDiscovery;
use guildhall::entity::Entity as _;
use guildhall::store::memory::MemoryStore;
use guildhall::store::{RowId, Store as _};
use guildhall::{App, Config, Env, RunningApp};
use guildhall_gate::{SessionActor, SessionServer};
use guildhall_runtime::proto::{Records, SessionRecords};
use guildhall_wire::Packet;
use prost::Message as _;
use proto::PlainMember;
use proto::room::{EarnReq, JoinReq, MemberRsp, MemberServer, MemberStateEntity};

use crate::clients::{Refused, Tcp, call, soon};
use crate::world::edge;

const JOIN: &str = "/room.Member/Join";
const EARN: &str = "/room.Member/Earn";

/// An app with members that are saved, and what its store holds.
struct Home {
    app: RunningApp,
    store: Arc<MemoryStore>,
}

impl Home {
    async fn start(discovery: &Arc<MemoryDiscovery>) -> Self {
        let store = Arc::new(MemoryStore::new());
        let config = Config::builder().set("app.id", "dev.w1.home.1").set("link.secret", "secret");
        let config = config.set("link.listen", "127.0.0.1:0").set("actor.member.save_ms", 20);
        let app = App::with(config.build().unwrap());
        let app = app.discovery(discovery.clone()).store(store.clone());
        let app = app.actor::<SessionActor>(SessionServer);
        let app = app.actor::<PlainMember>(MemberServer).start().await.unwrap();
        Self { app, store }
    }

    /// What the row of a member says of sessions.
    async fn sessions(&self, player: &str) -> Vec<SessionRecords> {
        let row = RowId { table: MemberStateEntity::TABLE, key: player.into(), sub: None };
        let row = self.store.read(&[row]).await.unwrap().remove(0);
        row.map_or_else(Vec::new, |row| Records::decode(row.records).unwrap().commands)
    }

    /// Waits until the row has no record of a command, though a session has been there.
    async fn has_forgotten(&self, player: &str) {
        soon("the row has no record", async {
            loop {
                let sessions = self.sessions(player).await;
                let over = |of: &SessionRecords| of.records.is_empty() && of.over > 0;
                if !sessions.is_empty() && sessions.iter().all(over) {
                    return;
                }
                Env::real().sleep(std::time::Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}

fn earn(player: &str) -> EarnReq {
    EarnReq { player: player.into(), points: 1 }
}

/// A client whose row has records of its commands.
async fn recorded(gate: std::net::SocketAddr, home: &Home, player: &str) -> Tcp {
    let mut client = Tcp::login(gate, player).await;
    let join = JoinReq { player: player.into(), name: player.into() };
    let mut id = 1;
    // The gate may still be learning what there is.
    while client.call::<_, MemberRsp>(id, JOIN, &join).await.is_err() {
        id += 1;
        Env::real().sleep(std::time::Duration::from_millis(5)).await;
    }
    for next in id + 1..id + 4 {
        let earned: Result<MemberRsp, Refused> = client.call(next, EARN, &earn(player)).await;
        earned.unwrap();
    }
    let sessions = home.sessions(player).await;
    assert!(sessions.iter().any(|of| of.records.len() >= 3 && of.over == 0), "{sessions:?}");
    client
}

#[tokio::test]
async fn after_a_logout_neither_the_actor_nor_its_row_has_a_record_of_the_session() {
    let discovery = Arc::new(MemoryDiscovery::new(Env::real()));
    let home = Home::start(&discovery).await;
    let (gate, edge) = edge("dev.w1.edge.1", &discovery).await;
    let at = gate.tcp_addr().unwrap();
    let client = recorded(at, &home, "ann").await;
    drop(client);
    home.has_forgotten("ann").await;
    assert_eq!(home.app.cx().actors::<PlainMember>().count(), 1, "she is in memory all the same");
    // One that is kicked is over too.
    let mut first = recorded(at, &home, "bob").await;
    let _second = Tcp::login(at, "bob").await;
    while let Some(packet) = first.recv().await {
        assert!(matches!(packet, Packet::Kick(_) | Packet::Ping { .. }), "{packet:?}");
    }
    home.has_forgotten("bob").await;
    // What was under way when the client went is cancelled before the actor hears that the session is over.
    let mut client = recorded(at, &home, "eve").await;
    client.send(&call(100, EARN, &earn("eve"))).await;
    drop(client);
    home.has_forgotten("eve").await;
    edge.shutdown().await;
}
