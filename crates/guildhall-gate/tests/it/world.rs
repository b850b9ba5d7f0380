//! Apps with gates, a directory that does what a test needs, rooms and members; a token is the player's name.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use guildhall::discovery::memory::MemoryDiscovery;
use guildhall::{App, Code, Config, Cx, Env, Reason, RunningApp, Status};
use guildhall_core::config::ConfigBuilder;
use guildhall_gate::{Authenticate, Gate, Identity, SessionActor, SessionServer};
use proto::room::{
    CountRsp, Directory, DirectoryServer, FindReq, FindRsp, MemberServer, RoomServer, WaitReq,
    WaitRsp,
};
use tokio::sync::{Semaphore, mpsc};

use crate::clients::{Refused, Tcp, soon};
use crate::rooms::{Guest, Hall};

pub(crate) const FIND: &str = "/room.Directory/Find";
pub(crate) const NOTE: &str = "/room.Directory/Note";
pub(crate) const COUNT: &str = "/room.Directory/Count";

/// Believes everything but `wrong`.
pub(crate) struct Trusting;

impl Authenticate for Trusting {
    fn authenticate(&self, token: &str, _wall: Duration) -> Result<Identity, Status> {
        if token == "wrong" {
            return Err(Status::new(Code::Unauthenticated, "nobody has this token")
                .with_reason(guildhall::status::reason::UNAUTHENTICATED));
        }
        Ok(Identity { account: token.to_owned(), ..Identity::default() })
    }
}

/// Does what the name says.
pub(crate) struct Tricky {
    events: mpsc::Sender<String>,
    /// Calls named `wait` go on one by one.
    go: Arc<Semaphore>,
}

impl Directory for Tricky {
    async fn find(&self, cx: &Cx, req: FindReq) -> Result<FindRsp, Status> {
        let app = match req.name.as_str() {
            "panic" => panic!("asked to"),
            "internal" => return Err(Status::new(Code::Internal, "the secret of the house")),
            "missing" => {
                return Err(Status::new(Code::NotFound, "nobody").with_reason(Reason::new(1234)));
            }
            "big" => "x".repeat(300_000),
            "session" => {
                let s = cx.session().unwrap();
                let (number, answered, resent) = (s.number, s.answered, s.resent);
                format!("{} {number} {answered} {resent} {}", s.player, s.gate)
            }
            "trace" => cx.trace_id().unwrap_or_default(),
            "wait" => {
                self.events.send("waits".into()).await.unwrap();
                self.go.acquire().await.unwrap().forget();
                "waited".into()
            }
            name => name.to_owned(),
        };
        Ok(FindRsp { app })
    }

    async fn lookup(&self, _cx: &Cx, req: FindReq) -> Result<FindRsp, Status> {
        Ok(FindRsp { app: req.name })
    }

    async fn count(&self, _cx: &Cx, _req: ()) -> Result<CountRsp, Status> {
        Ok(CountRsp { count: 0 })
    }

    async fn wait(&self, _cx: &Cx, _req: WaitReq) -> Result<WaitRsp, Status> {
        Ok(WaitRsp { calls: 0 })
    }

    async fn panic(&self, _cx: &Cx, _req: ()) -> Result<(), Status> {
        Ok(())
    }

    async fn note(&self, _cx: &Cx, req: FindReq) -> Result<(), Status> {
        self.events.send(req.name).await.unwrap();
        Ok(())
    }
}

/// One app with everything.
pub(crate) struct World {
    pub(crate) gate: Gate,
    pub(crate) app: RunningApp,
    pub(crate) events: mpsc::Receiver<String>,
    pub(crate) go: Arc<Semaphore>,
}

impl World {
    pub(crate) fn tcp(&self) -> SocketAddr {
        self.gate.tcp_addr().unwrap()
    }

    pub(crate) fn ws(&self) -> SocketAddr {
        self.gate.websocket_addr().unwrap()
    }
}

pub(crate) async fn world() -> World {
    world_with(|config| config).await
}

pub(crate) async fn world_with(change: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> World {
    let discovery = Arc::new(MemoryDiscovery::new(Env::real()));
    home("dev.w1.home.1", &discovery, change).await
}

/// An app with a gate, sessions, rooms and the directory.
pub(crate) async fn home(
    id: &str,
    discovery: &Arc<MemoryDiscovery>,
    change: impl FnOnce(ConfigBuilder) -> ConfigBuilder,
) -> World {
    let world = started(change(config(id)), discovery).await;
    learnt(world.tcp()).await;
    world
}

/// The same, whose gate may not know yet what there is to call.
pub(crate) async fn started(config: ConfigBuilder, discovery: &Arc<MemoryDiscovery>) -> World {
    let (sender, events) = mpsc::channel(4096);
    let go = Arc::new(Semaphore::new(0));
    let gate = Gate::new().authenticate(Trusting);
    let app = App::with(config.build().unwrap())
        .discovery(discovery.clone())
        .component(gate.clone())
        .actor::<SessionActor>(SessionServer)
        .actor::<Hall>(RoomServer)
        .actor::<Guest>(MemberServer)
        .serve(DirectoryServer::new(Tricky { events: sender, go: Arc::clone(&go) }));
    World { app: app.start().await.unwrap(), gate, events, go }
}

/// An app with a gate and nothing else.
pub(crate) async fn edge(id: &str, discovery: &Arc<MemoryDiscovery>) -> (Gate, RunningApp) {
    let gate = Gate::new().authenticate(Trusting);
    let app = App::with(config(id).build().unwrap());
    let app = app.discovery(discovery.clone()).component(gate.clone()).start().await.unwrap();
    (gate, app)
}

pub(crate) fn config(id: &str) -> ConfigBuilder {
    let config = Config::builder().set("app.id", id).set("link.listen", "127.0.0.1:0");
    let config = config.set("link.secret", "secret").set("link.redial_ms", 5);
    let config = config.set("gate.close_ms", 200);
    config.set("gate.tcp", "127.0.0.1:0").set("gate.websocket", "127.0.0.1:0")
}

/// Waits until the gate knows what there is to call.
pub(crate) async fn learnt(address: SocketAddr) {
    soon("the gate learns the methods", async {
        let mut client = Tcp::login(address, "scout").await;
        let (mut id, env) = (0, Env::real());
        loop {
            id += 1;
            let req = FindReq { name: "here".into() };
            let found: Result<FindRsp, Refused> = client.call(id, FIND, &req).await;
            match found {
                Ok(_) => return,
                Err(_) => env.sleep(Duration::from_millis(20)).await,
            }
        }
    })
    .await;
}

/// Waits until `is` holds.
pub(crate) async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let env = Env::real();
    soon(what, async {
        while !is() {
            env.sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

pub(crate) fn find(name: &str) -> FindReq {
    FindReq { name: name.into() }
}
