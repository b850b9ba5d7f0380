//! Endpoints, a method, and a dispatch that does what the request says.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use guildhall_core::discovery::{NodeRecord, NodeState};
use guildhall_core::env::{ConnIo, Instant, Workers};
use guildhall_core::metrics::{Gauge, LiveCount, Metrics, MetricsConfig};
use guildhall_core::rpc::RawBody;
use guildhall_core::status::reason;
use guildhall_core::{AppId, Code, Env, Incarnation, MethodDesc, Model, Route, Status};
use guildhall_link::{
    Arrival, Cancel, Dispatch, Endpoint, HandlerFuture, Line, Link, LinkConfig, LinkMeters, Peers,
    Place, ReplyPort, ServedMeters, connect, listen,
};
use parking_lot::Mutex;
use tokio::sync::Barrier;
use tokio_util::sync::CancellationToken;

/// The method of all calls here.
pub(crate) static ECHO: MethodDesc = MethodDesc {
    path: "/link.Echo/Echo",
    id: 7,
    service: "link.Echo",
    index: 0,
    model: Model::Concurrent,
    key: None,
    key_from_player: false,
    route: Route::Random,
    oneway: false,
    trace: false,
    client: false,
    durable: false,
    idempotent: false,
    create: false,
    timeout_ms: 0,
    keep_on_error: false,
};

pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// What all links of the app `id` share.
pub(crate) fn endpoint(id: &str, config: LinkConfig) -> Arc<Endpoint> {
    let env = Env::real();
    let metrics = Metrics::new(env.clone(), MetricsConfig::default());
    let record = NodeRecord {
        id: id.parse().unwrap(),
        incarnation: Incarnation::new(env.wall(), 1),
        logic_addr: None,
        endpoints: [].into(),
        version: "1".into(),
        weight: 100,
        load: 0,
        export: false,
        state: NodeState::Ready,
        services: vec![ECHO.service.to_owned()],
        descriptors_hash: [].as_slice().into(),
        labels: [].into(),
    };
    Arc::new(Endpoint {
        id: record.id.clone(),
        config,
        tls: None,
        net: None,
        record: Box::new(move || record.clone()),
        methods_hash: 1,
        going: CancellationToken::new(),
        meters: LinkMeters {
            dialled: Gauge::default(),
            accepted: Gauge::default(),
            queued_bytes: Gauge::default(),
            in_flight: Arc::new(LiveCount::default()),
            served: ServedMeters::new(&metrics).unwrap(),
        },
        env,
    })
}

/// By when a call of a test has to end.
pub(crate) fn deadline(endpoint: &Endpoint) -> Instant {
    endpoint.env.now() + LIMIT
}

pub(crate) fn request(text: &str) -> RawBody<'_> {
    RawBody::new(text.as_bytes())
}

/// Echoes; `hang` never ends, `drop` drops its reply port.
#[derive(Default)]
pub(crate) struct Echo {
    /// What has arrived, and from which app.
    pub(crate) seen: Mutex<Vec<(String, Option<AppId>)>>,
    pub(crate) hanging: Mutex<Vec<Cancel>>,
    /// Apps whose connections have ended without a word.
    pub(crate) lost: Mutex<Vec<AppId>>,
}

impl Dispatch for Echo {
    fn dispatch(&self, arrival: Arrival<'_>, reply: ReplyPort) -> Option<HandlerFuture> {
        if arrival.is_over_limit {
            let why = "too many";
            let refused = Status::not_run(Code::ResourceExhausted, reason::OVERLOADED, why);
            reply.send::<()>(Err(refused));
            return None;
        }
        let text = String::from_utf8(arrival.body.bytes.to_vec()).unwrap();
        self.seen.lock().push((text.clone(), arrival.caller.cloned()));
        match text.as_str() {
            "hang" => {
                self.hanging.lock().extend(reply.cancel());
                Some(Box::pin(async move {
                    let _held = reply;
                    std::future::pending().await
                }))
            }
            "drop" => None,
            _ => {
                let body = arrival.body.into_bytes();
                reply.send(Ok(RawBody::new(&body)));
                None
            }
        }
    }

    fn lost(&self, caller: &AppId) {
        self.lost.lock().push(caller.clone());
    }

    async fn serve_streams(&self, _io: ConnIo, _caller: AppId) {}
}

/// Waits until `is` holds.
pub(crate) async fn until(is: impl Fn() -> bool) {
    let env = Env::real();
    let waited = env.until(env.now() + LIMIT, async {
        while !is() {
            tokio::task::yield_now().await;
        }
    });
    waited.await.expect("it did not come to be within 10 s");
}

/// The links that are open.
#[derive(Default)]
pub(crate) struct Open(pub(crate) Mutex<Vec<(AppId, Arc<Link>)>>);

impl Peers for Open {
    fn connected(&self, record: NodeRecord, _place: Place, link: Arc<Link>) -> bool {
        self.0.lock().push((record.id, link));
        true
    }

    fn going(&self, id: &AppId, _link: &Arc<Link>) {
        self.0.lock().retain(|(open, _)| open != id);
    }

    fn leave(&self, id: &AppId, _link: &Arc<Link>) {
        self.0.lock().retain(|(open, _)| open != id);
    }
}

/// Serves the links of `endpoint` on a free port; its address.
pub(crate) async fn serve(endpoint: &Arc<Endpoint>, echo: &Arc<Echo>) -> String {
    let (listener, addr) = endpoint.env.listen("link.listen", "127.0.0.1:0").await.unwrap();
    let workers = Arc::new(Workers::current());
    let listening = listen(Arc::clone(endpoint), Arc::clone(echo), workers, listener);
    endpoint.env.spawn("link-listen", listening);
    addr.to_string()
}

pub(crate) fn secret(secret: &str) -> LinkConfig {
    LinkConfig { secret: secret.into(), ..LinkConfig::default() }
}

/// A link to `there`, whose calls `echo` serves.
pub(crate) async fn linked(there: &Arc<Endpoint>, echo: &Arc<Echo>) -> Arc<Link> {
    let here = endpoint("dev.w.caller.1", secret("s"));
    let (address, open) = (serve(there, echo).await, Arc::new(Open::default()));
    let (gone, tried) = (Arc::new(AtomicBool::new(false)), Arc::new(Barrier::new(1)));
    let line = Line { address, place: Place::ONLY, gone, tried };
    here.env.spawn("link-connect", connect(Arc::clone(&here), Arc::clone(&open), line));
    until(|| !open.0.lock().is_empty()).await;
    Arc::clone(&open.0.lock()[0].1)
}
