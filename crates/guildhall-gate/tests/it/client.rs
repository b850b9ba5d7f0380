//! The Rust client against a real gate, over TCP and WebSocket.

use guildhall::status::reason;
use guildhall::{Effect, Env, Reason};
use guildhall_client::{Client, ConnectError, Event, Options};
use proto::room::{DirectoryClient, JoinReq, MemberClient, RoomClient, RoomEvents, SayReq};

use crate::clients::soon;
use crate::world::{World, find, world};

fn addresses(world: &World) -> [String; 2] {
    [format!("tcp://{}", world.tcp()), format!("ws://{}/", world.ws())]
}

#[tokio::test]
async fn it_calls_casts_and_hears_pushes() {
    let mut world = world().await;
    for address in addresses(&world) {
        let env = Env::real();
        let connected = Client::connect(&env, &address, "bob", Options::default()).await;
        let (client, mut events) = connected.unwrap();
        assert_eq!(client.player(), "bob");
        let found = client.call(DirectoryClient::FIND, find("me")).await.unwrap();
        assert_eq!(found.app, "me");
        let join = JoinReq { player: "alice".into(), ..JoinReq::default() };
        let member = client.call(MemberClient::JOIN, join).await.unwrap().member.unwrap();
        assert_eq!(member.player, "bob");
        client.cast(DirectoryClient::NOTE, find("noted")).unwrap();
        assert_eq!(world.events.recv().await.unwrap(), "noted");
        let status = client.call(DirectoryClient::FIND, find("missing")).await.unwrap_err();
        assert_eq!((status.reason(), status.effect()), (Reason::new(1234), Effect::Ran));
        let status = client.call(DirectoryClient::COUNT, ()).await.unwrap_err();
        assert_eq!((status.reason(), status.effect()), (reason::NO_SUCH_METHOD, Effect::NotRun));

        let say = SayReq { id: 3, text: "to bob: hello".into() };
        client.call(RoomClient::SAY, say).await.unwrap();
        match soon("a push", events.next()).await {
            Some(Event::Push(push)) => {
                let said = push.decode(RoomEvents::SAID).unwrap().unwrap();
                assert_eq!((push.seq, said.text.as_str()), (1, "hello"));
            }
            other => panic!("{other:?}"),
        }
        client.close().await;
    }
}

#[tokio::test]
async fn it_is_refused_with_a_wrong_token() {
    let world = world().await;
    for address in addresses(&world) {
        let refused = Client::connect(&Env::real(), &address, "wrong", Options::default()).await;
        match refused.err() {
            Some(ConnectError::Refused(status)) => {
                assert_eq!(status.reason(), reason::UNAUTHENTICATED);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn it_is_told_of_a_kick() {
    let world = world().await;
    for address in addresses(&world) {
        let env = Env::real();
        let connect = || Client::connect(&env, &address, "bob", Options::default());
        let (_first, mut events) = connect().await.unwrap();
        let (second, _events) = connect().await.unwrap();
        match soon("a kick", events.next()).await {
            Some(Event::Kicked(kick)) => assert_eq!(kick.reason, reason::KICKED.number()),
            other => panic!("{other:?}"),
        }
        assert!(soon("the end", events.next()).await.is_none());
        assert_eq!(second.call(DirectoryClient::FIND, find("still")).await.unwrap().app, "still");
    }
}
