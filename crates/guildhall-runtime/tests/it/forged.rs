//! A callee that trusts no gate: the key of what it has decoded is the session's player, or nothing runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use guildhall::codegen::{HandlerFuture, Incoming, KeyOf, Service, handle};
use guildhall::status::reason;
use guildhall::{App, Code, Cx, Effect, Status};
use guildhall_core::{KeyField, KeyKind, KeyText, MethodDesc, Model, Route, ServiceDesc};
use guildhall_runtime::raw::{self, RawBody};
use guildhall_wire::Session;
use prost::Message as _;
use proto::room::{EarnReq, FindReq, FindRsp, MemberClient};

use crate::entities::{earn, info, join};
use crate::rooms::{TestStore, app};
use crate::world::config;

/// As a gate calls for its client.
fn client(cx: &Cx, player: &str, number: u64) -> Cx {
    let (player, session) = (player.to_owned(), "s1".to_owned());
    cx.with_session(Session { player, session, generation: 1, number, ..Session::default() })
}

#[track_caller]
fn is_forged(status: &Status) {
    let got = (status.code(), status.reason(), status.effect());
    assert_eq!(got, (Code::PermissionDenied, reason::BAD_KEY, Effect::NotRun), "{status}");
}

#[track_caller]
fn counted(cx: &Cx, forged: u32) {
    let text = cx.metrics().text();
    assert!(text.contains(&format!("guildhall_forged_keys_total {forged}\n")), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_not_the_sessions_player_is_refused_and_counted_by_the_callee() {
    let app = app(&[], &TestStore::default()).await;
    let cx = app.cx();
    join(&cx, "ann").await.unwrap();
    let eve = client(&cx, "eve", 1);
    is_forged(&earn(&eve, "ann", 5).await.unwrap_err());
    counted(&cx, 1);
    let body = EarnReq { player: "ann".into(), points: 5 }.encode_to_vec();
    let desc = MemberClient::EARN.desc;
    let casts = client(&cx, "eve", 0);
    raw::cast(&casts, desc, KeyText::Text("ann"), RawBody::new(&body)).unwrap();
    // The actor's calls run in their order: the cast is over when this one is answered.
    assert_eq!(info(&cx, "ann").await.unwrap().points, 0);
    counted(&cx, 2);
    assert_eq!(earn(&client(&cx, "ann", 1), "ann", 5).await.unwrap(), 5);
}

#[tokio::test(start_paused = true)]
async fn apps_call_for_other_players_than_the_one_whose_command_they_run() {
    let app = app(&[], &TestStore::default()).await;
    let cx = app.cx();
    join(&cx, "ann").await.unwrap();
    assert_eq!(earn(&cx, "ann", 5).await.unwrap(), 5);
    let session = Session { player: "eve".into(), inner: true, ..Session::default() };
    assert_eq!(earn(&cx.with_session(session), "ann", 5).await.unwrap(), 10);
    counted(&cx, 0);
}

/// A service without actors, whose key is the player: `Find` says the key, `Pass` calls it for `ann` in the caller's name.
struct Echo {
    ran: Arc<AtomicU32>,
}

const fn echo(path: &'static str, id: u32, index: usize) -> MethodDesc {
    MethodDesc {
        path,
        id,
        service: "test.Echo",
        index,
        model: Model::Concurrent,
        key: Some(KeyField { number: 1, kind: KeyKind::Text, narrow: false }),
        key_from_player: true,
        route: Route::Hash,
        oneway: false,
        trace: false,
        client: true,
        durable: false,
        idempotent: false,
        create: false,
        timeout_ms: 0,
        keep_on_error: false,
    }
}

static ECHO: ServiceDesc = ServiceDesc {
    name: "test.Echo",
    model: Model::Concurrent,
    methods: &[echo("/test.Echo/Find", 1, 0), echo("/test.Echo/Pass", 2, 1)],
    descriptors: &[],
};

const KEY: KeyOf<FindReq> = |req| KeyText::Text(&req.name);

async fn find(cx: &Cx, name: &str, method: usize) -> Result<String, Status> {
    let body = FindReq { name: name.into() }.encode_to_vec();
    let key = KeyText::Text(name);
    let rsp = raw::call(cx, &ECHO.methods[method], key, RawBody::new(&body)).await?;
    Ok(FindRsp::decode(rsp).unwrap().app)
}

impl Service for Echo {
    fn desc(&self) -> &'static ServiceDesc {
        &ECHO
    }

    fn dispatch(&self, call: Incoming<'_>) -> Option<HandlerFuture> {
        self.ran.fetch_add(1, Ordering::Relaxed);
        match call.method.index {
            0 => {
                handle(call, KEY, |_cx, req: FindReq| async move { Ok(FindRsp { app: req.name }) })
            }
            _ => handle(call, KEY, |cx, _req: FindReq| async move {
                Ok(FindRsp { app: find(&cx, "ann", 0).await? })
            }),
        }
    }
}

#[tokio::test]
async fn services_without_actors_refuse_forged_keys_too() {
    let ran = Arc::new(AtomicU32::new(0));
    let app = App::with(config("dev.w1.echo.1", "127.0.0.1:0", "secret"));
    let app = app.serve(Echo { ran: Arc::clone(&ran) }).start().await.unwrap();
    let cx = app.cx();
    is_forged(&find(&client(&cx, "eve", 1), "ann", 0).await.unwrap_err());
    counted(&cx, 1);
    assert_eq!(find(&client(&cx, "eve", 2), "eve", 0).await.unwrap(), "eve");
    // What its handler calls is not what the client has sent.
    assert_eq!(find(&client(&cx, "eve", 3), "eve", 1).await.unwrap(), "ann");
    assert_eq!(find(&cx, "ann", 0).await.unwrap(), "ann");
    counted(&cx, 1);
    assert_eq!(ran.load(Ordering::Relaxed), 5);
}
