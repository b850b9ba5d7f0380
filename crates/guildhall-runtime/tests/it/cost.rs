//! What a call may cost, counted and not timed: allocations, and writes to the socket.
#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use guildhall::discovery::memory::MemoryDiscovery;
use guildhall::discovery::{Discovery as _, NodeRecord};
use guildhall::env::{Accepted, Conn, Listener, Net, TokioNet};
use guildhall::{Actor, ActorCx, App, Cx, Env, RunningApp, Status};
use proto::bench::{
    Echo, EchoActor, EchoActorClient, EchoActorServer, EchoClient, EchoMsg, EchoServer, KeyedMsg,
    ScalarMsg,
};
use proto::counter::{
    AddReq, Counter, CounterClient, CounterRsp, CounterServer, CounterStateEntity, GetReq,
};

use crate::world::{config, config_with, pair_in, say, spawn};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    /// Bytes that this thread holds; below zero when it frees what others have taken.
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _thread_ends = ALLOCATIONS.try_with(|n| n.set(n.get() + 1));
        let _thread_ends = LIVE.try_with(|n| n.set(n.get() + layout.size().cast_signed()));
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        let _thread_ends = LIVE.try_with(|n| n.set(n.get() - layout.size().cast_signed()));
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[tokio::test]
async fn an_app_that_is_known_and_has_no_link_costs_at_most_four_kilobytes() {
    const FAR: usize = 1_000;
    let env = Env::real();
    let discovery = Arc::new(MemoryDiscovery::new(env.clone()));
    let config = config_with("dev.w1.caller.1", "127.0.0.1:0", &[("link.idle_ms", 60_000)]);
    let app = App::with(config).discovery(Arc::clone(&discovery) as _);
    let app = app.start().await.unwrap();
    let own = app.cx().nodes().remove(0);
    let before = LIVE.with(Cell::get);
    for n in 0..FAR {
        let endpoints = [("link".to_owned(), format!("127.0.0.1:{}", 10_000 + n))].into();
        let id = format!("dev.w1.far.{n}").parse().unwrap();
        let node = NodeRecord { id, endpoints, ..own.clone() };
        discovery.register(&node, Duration::from_secs(3_600)).await.unwrap();
        // The watch is read; each time it is, all that is known is published.
        if n % 100 == 0 {
            tokio::task::yield_now().await;
        }
    }
    while app.cx().nodes().len() <= FAR {
        tokio::task::yield_now().await;
    }
    let each = (LIVE.with(Cell::get) - before) / FAR.cast_signed();
    println!("{each} bytes for each app that is known, discovery included");
    assert!(each <= 4096, "{each} bytes for each app that is known");
}

/// Answers with what it was sent.
struct Echoes;

impl Echo for Echoes {
    async fn echo(&self, _cx: &Cx, req: EchoMsg) -> Result<EchoMsg, Status> {
        Ok(req)
    }

    async fn echo_scalar(&self, _cx: &Cx, req: ScalarMsg) -> Result<ScalarMsg, Status> {
        Ok(req)
    }
}

struct EchoOfKey;

impl Actor for EchoOfKey {
    const NAME: &'static str = "echo";
    type Key = u64;
    type State = ();

    async fn activate(_cx: &ActorCx, _key: u64, (): ()) -> Result<Self, Status> {
        Ok(Self)
    }
}

impl EchoActor for EchoOfKey {
    async fn echo_keyed(&mut self, _cx: &ActorCx, req: KeyedMsg) -> Result<ScalarMsg, Status> {
        Ok(ScalarMsg { value: req.value })
    }
}

fn echoes(app: App) -> App {
    app.serve(EchoServer::new(Echoes)).actor::<EchoOfKey>(EchoActorServer)
}

/// Allocations per call, of all that runs on this test's one thread: caller, callee and what is between them.
async fn allocations(call: impl AsyncFn() -> Result<ScalarMsg, Status>) -> f64 {
    const CALLS: u16 = 4000;
    for _ in 0..200 {
        call().await.unwrap();
    }
    let before = ALLOCATIONS.get();
    for _ in 0..CALLS {
        call().await.unwrap();
    }
    let counted = u32::try_from(ALLOCATIONS.get() - before).unwrap();
    f64::from(counted) / f64::from(CALLS)
}

/// An app with both echoes, and a caller that is linked to it.
async fn linked_echoes() -> (RunningApp, RunningApp) {
    let discovery = Arc::new(MemoryDiscovery::new(Env::real()));
    let server = App::with(config("dev.w1.echo.1", "127.0.0.1:0", "secret"));
    let server = echoes(server).discovery(discovery.clone()).start().await.unwrap();
    let caller = App::with(config("dev.w1.caller.1", "", "secret")).discovery(discovery);
    let caller = caller.start().await.unwrap();
    let mut nodes = caller.cx().mesh_changes();
    while caller.cx().nodes().len() < 2 {
        nodes.changed().await;
    }
    (caller, server)
}

/// A million calls from 64 tasks. Each tenth is dropped by its caller when it is on its way.
#[tokio::test]
async fn a_million_calls_of_which_a_tenth_are_dropped_grow_nothing() {
    async fn calls(caller: &RunningApp, calls: u64) -> isize {
        const TASKS: u64 = 64;
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let cx = caller.cx();
                spawn(async move {
                    let (echo, actor) = (EchoClient::new(&cx), EchoActorClient::new(&cx));
                    for n in 0..calls / TASKS {
                        if n % 10 == 9 {
                            let mut dropped = std::pin::pin!(
                                actor.echo_keyed(KeyedMsg { id: 1 + task, value: n })
                            );
                            assert!(futures_util::poll!(&mut dropped).is_pending());
                        } else if n % 2 == 0 {
                            echo.echo_scalar(ScalarMsg { value: n }).await.unwrap();
                        } else {
                            actor.echo_keyed(KeyedMsg { id: 1 + task, value: n }).await.unwrap();
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        LIVE.get()
    }
    let (caller, _server) = linked_echoes().await;
    let before = calls(&caller, 100_000).await;
    let after = calls(&caller, 1_000_000).await;
    // Buffers may still reach their largest; a byte per call, or three per dropped one, would be more.
    assert!(after - before < 256 * 1024, "{before} bytes before, {after} after");
}

#[tokio::test]
async fn a_remote_call_allocates_at_most_four_times_on_each_side() {
    let (caller, _server) = linked_echoes().await;
    let cx = caller.cx();
    let echo = EchoClient::new(&cx);
    let concurrent = allocations(async || echo.echo_scalar(ScalarMsg { value: 7 }).await).await;
    let actor = EchoActorClient::new(&cx);
    let keyed = allocations(async || actor.echo_keyed(KeyedMsg { id: 7, value: 7 }).await).await;
    // Both sides together do with what one of them may take.
    assert!(concurrent <= 4.0 && keyed <= 4.0, "concurrent {concurrent}, actor {keyed}");
}

#[tokio::test]
async fn a_local_actor_call_allocates_at_most_twice() {
    let app = App::with(config("dev.w1.echo.1", "", "")).env(Env::real());
    let cx = echoes(app).start().await.unwrap().cx();
    let actor = EchoActorClient::new(&cx);
    let keyed = allocations(async || actor.echo_keyed(KeyedMsg { id: 7, value: 7 }).await).await;
    assert!(keyed <= 2.0, "{keyed} allocations per call");
}

#[tokio::test]
async fn an_idle_actor_without_state_takes_at_most_550_bytes_with_its_key_and_its_place() {
    const ACTORS: u64 = 20_000;
    let app = App::with(config("dev.w1.echo.1", "", "")).env(Env::real());
    let app = echoes(app).start().await.unwrap();
    let cx = app.cx();
    let actor = EchoActorClient::new(&cx);
    let call = async |id| actor.echo_keyed(KeyedMsg { id, value: 7 }).await.unwrap();
    // What calls keep for the next ones is there before the count begins.
    for id in 1..=100 {
        call(id).await;
    }
    let (bytes, count) = (LIVE.get(), ALLOCATIONS.get());
    for id in 101..=100 + ACTORS {
        call(id).await;
    }
    let actors = f64::from(u32::try_from(ACTORS).unwrap());
    let bytes = f64::from(i32::try_from(LIVE.get() - bytes).unwrap()) / actors;
    let count = f64::from(u32::try_from(ALLOCATIONS.get() - count).unwrap()) / actors;
    assert_eq!(cx.actors::<EchoOfKey>().count() as u64, 100 + ACTORS);
    assert!(bytes <= 550.0, "{bytes} bytes per idle actor");
    assert!(count <= 12.0, "{count} allocations per activation with its first call");
}

/// Counts, with an entity or without.
struct Tally<S> {
    state: S,
}

macro_rules! tally {
    ($state:ty, $name:literal, $value:expr) => {
        impl Actor for Tally<$state> {
            const NAME: &'static str = $name;
            type Key = String;
            type State = $state;

            async fn activate(_cx: &ActorCx, _key: String, state: $state) -> Result<Self, Status> {
                Ok(Self { state })
            }

            fn state(&mut self) -> &mut $state {
                &mut self.state
            }
        }

        impl Counter for Tally<$state> {
            async fn add(&mut self, cx: &ActorCx, _req: AddReq) -> Result<CounterRsp, Status> {
                let change: fn(&mut $state) -> i64 = $value;
                change(&mut self.state);
                self.get(cx, GetReq::default()).await
            }

            async fn get(&mut self, _cx: &ActorCx, _req: GetReq) -> Result<CounterRsp, Status> {
                Ok(CounterRsp { value: 7, ..CounterRsp::default() })
            }
        }
    };
}
tally!((), "plain", |()| 0);
tally!(CounterStateEntity, "kept", |state| {
    state.set_value(7);
    state.value
});

/// Allocations of a call whose turn changes nothing, of an actor that has been changed before.
async fn of_a_turn_without_changes(app: App) -> f64 {
    let app = app.start().await.unwrap();
    let cx = app.cx();
    let counter = CounterClient::new(&cx);
    counter.add(AddReq { id: "ann".into(), add: 1, ..AddReq::default() }).await.unwrap();
    let get = async || {
        let rsp = counter.get(GetReq { id: "ann".into() }).await?;
        Ok(ScalarMsg { value: rsp.value.unsigned_abs() })
    };
    allocations(get).await
}

#[tokio::test]
async fn a_turn_that_changes_nothing_of_its_entity_allocates_nothing_for_that() {
    let app = || App::with(config("dev.w1.counter.1", "", "")).env(Env::real());
    let plain = app().actor::<Tally<()>>(CounterServer);
    let kept = app().actor::<Tally<CounterStateEntity>>(CounterServer);
    let plain = of_a_turn_without_changes(plain).await;
    let kept = of_a_turn_without_changes(kept).await;
    // The commit of the first change may fall into the count.
    assert!(kept <= plain + 0.05, "{kept} allocations with an entity, {plain} without");
}

#[tokio::test]
async fn a_read_of_a_row_allocates_at_most_five_times() {
    let app = App::with(config("dev.w1.counter.1", "", "")).env(Env::real());
    let app = app.table::<CounterStateEntity>().start().await.unwrap();
    let cx = app.cx();
    let read = async || {
        cx.table::<CounterStateEntity>().get("ann").await?;
        Ok(ScalarMsg { value: 7 })
    };
    let read = allocations(read).await;
    assert!(read <= 5.0, "{read} allocations per read");
}

#[tokio::test]
async fn an_activation_that_claims_a_row_allocates_at_most_18_times_with_its_first_call() {
    // No save falls into the count, however slow the machine is.
    let hour = [("actor.save_ms", 3_600_000)];
    let app = App::with(config_with("dev.w1.counter.1", "", &hour)).env(Env::real());
    let app = app.actor::<Tally<CounterStateEntity>>(CounterServer);
    let app = app.start().await.unwrap();
    let cx = app.cx();
    let counter = CounterClient::new(&cx);
    let next = Cell::new(0);
    let add = async || {
        next.set(next.get() + 1);
        counter.add(AddReq { id: next.get().to_string(), add: 1, ..AddReq::default() }).await?;
        Ok(ScalarMsg { value: 7 })
    };
    let activation = allocations(add).await;
    assert!(activation <= 18.0, "{activation} allocations per activation");
}

#[tokio::test]
async fn sixteen_replies_or_more_share_a_write() {
    let writes = Arc::new(AtomicUsize::new(0));
    let net = Arc::new(CountingNet(Arc::clone(&writes)));
    let wall = std::time::Duration::from_secs(1_800_000_000);
    let pair = pair_in(Env::real(), Env::simulated(1, net, wall)).await;
    const CALLS: usize = 200;
    let before = writes.load(Ordering::Relaxed);
    let callers: Vec<_> = (0..64)
        .map(|_| {
            let cx = pair.caller.cx();
            spawn(async move {
                for _ in 0..CALLS {
                    say(&cx, "you").await.unwrap();
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    let writes = writes.load(Ordering::Relaxed) - before;
    assert!(writes * 16 <= CALLS * 64, "{writes} writes for {} replies", CALLS * 64);
}

/// The machine's network, counting what accepted connections write.
struct CountingNet(Arc<AtomicUsize>);

impl Net for CountingNet {
    fn connect<'a>(&'a self, addr: &'a str) -> guildhall::BoxFuture<'a, io::Result<Box<dyn Conn>>> {
        TokioNet.connect(addr)
    }

    fn bind<'a>(
        &'a self,
        addr: &'a str,
    ) -> guildhall::BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        Box::pin(async move {
            let listener = TokioNet.bind(addr).await?;
            Ok(Box::new(CountingListener(listener, Arc::clone(&self.0))) as Box<dyn Listener>)
        })
    }
}

struct CountingListener(Box<dyn Listener>, Arc<AtomicUsize>);

impl Listener for CountingListener {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    fn accept(&self) -> guildhall::BoxFuture<'_, io::Result<Accepted>> {
        Box::pin(async {
            let Accepted { peer, attach } = self.0.accept().await?;
            let writes = Arc::clone(&self.1);
            let attach = move || Ok(Box::new(CountingConn(attach()?, writes)) as Box<dyn Conn>);
            Ok(Accepted { peer, attach: Box::new(attach) })
        })
    }
}

struct CountingConn(Box<dyn Conn>, Arc<AtomicUsize>);

impl Conn for CountingConn {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_readable(cx)
    }

    fn try_read(&self, buf: &mut BytesMut) -> io::Result<usize> {
        self.0.try_read(buf)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_writable(cx)
    }

    fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.try_write_vectored(bufs)
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }
}
