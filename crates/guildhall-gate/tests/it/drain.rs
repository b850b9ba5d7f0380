//! Draining: what is outstanding is answered, and clients are told to go.

use guildhall::status::reason;
use guildhall_wire::Packet;

use crate::clients::{Tcp, Ws, call, soon};
use crate::world::{FIND, find, world};

#[tokio::test]
async fn a_draining_gate_answers_what_is_outstanding_and_tells_its_clients_to_go() {
    let mut world = world().await;
    let mut idle = Ws::login(world.ws(), "idle").await;
    let mut busy = Tcp::login(world.tcp(), "busy").await;
    busy.send(&call(1, FIND, &find("wait"))).await;
    assert_eq!(world.events.recv().await.unwrap(), "waits");
    let (tcp, go) = (world.tcp(), world.go.clone());

    let clients = async {
        let told = idle.hear().await.unwrap();
        assert_eq!((&told["kind"], &told["id"]), (&"error".into(), &0.into()));
        assert_eq!(told["reason"], reason::GOING_AWAY.number());
        assert_eq!(idle.hear().await, None);
        // New calls are refused while the old one runs.
        busy.send(&call(2, FIND, &find("late"))).await;
        match busy.answer().await {
            Packet::Error { id: 2, reason, .. } if reason == reason::GOING_AWAY.number() => {}
            other => panic!("{other:?}"),
        }
        go.add_permits(1);
        assert!(matches!(busy.answer().await, Packet::Reply { id: 1, .. }));
        match busy.answer().await {
            Packet::Error { id: 0, reason, .. } if reason == reason::GOING_AWAY.number() => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(busy.recv().await, None);
        // Nobody new gets in.
        let late = guildhall::Env::real().net().connect(&tcp.to_string()).await;
        if late.is_ok() {
            let mut late = Tcp::connect(tcp).await;
            late.send(&crate::clients::hello("late")).await;
            assert!(!matches!(late.recv().await, Some(Packet::Welcome(_))));
        }
    };
    soon("the drain", async { tokio::join!(world.app.shutdown(), clients) }).await;
}
