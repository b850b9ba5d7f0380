//! Apps that find each other, with desks that tell who was called, channels, and talkers.

use std::sync::Arc;
use std::time::Duration;

use guildhall::broker::Broker;
use guildhall::broker::memory::MemoryBroker;
use guildhall::config::ConfigBuilder;
use guildhall::discovery::memory::MemoryDiscovery;
use guildhall::discovery::{Change, Discovery as _};
use guildhall::{Actor, ActorCx, App, Config, Cx, Env, Interleaved, RunningApp, Status};
use proto::routing::{
    AskReq, AskRsp, Channel, ChannelCasts, ChannelClient, ChannelServer, Desk, DeskClient,
    DeskServer, PostReq, PullReq, PullRsp, Talker, TalkerServer, TellMsg,
};
use tokio::sync::{Semaphore, mpsc};

/// Longer than anything here takes.
const WITHIN: Duration = Duration::from_secs(10);

/// Who was told, and what.
pub(crate) type Heard = (String, String);

/// Where apps meet.
pub(crate) struct Town {
    discovery: Arc<MemoryDiscovery>,
    broker: Arc<dyn Broker>,
    teller: mpsc::Sender<Heard>,
    heard: mpsc::Receiver<Heard>,
    /// What holds goes on when there is a permit.
    pub(crate) go_on: Arc<Semaphore>,
}

impl Town {
    pub(crate) fn new() -> Self {
        Self::with_broker(Arc::new(MemoryBroker::new()))
    }

    pub(crate) fn with_broker(broker: Arc<dyn Broker>) -> Self {
        let (teller, heard) = mpsc::channel(4096);
        let discovery = Arc::new(MemoryDiscovery::new(Env::real()));
        Self { discovery, broker, teller, heard, go_on: Arc::new(Semaphore::new(0)) }
    }

    /// An app that finds the others, without services.
    pub(crate) fn app(&self, id: &str, settings: &[(&str, &str)]) -> App {
        self.app_over(Config::builder(), id, settings)
    }

    /// As [`Town::app`], with more configuration.
    pub(crate) fn app_over(
        &self,
        config: ConfigBuilder,
        id: &str,
        settings: &[(&str, &str)],
    ) -> App {
        let config = config.set("app.id", id).set("link.listen", "127.0.0.1:0");
        let config = config.set("link.redial_ms", 5).set("broker.retry_ms", 5);
        let flags = settings.iter().map(|(key, value)| format!("{key}={value}"));
        let config = flags.fold(config, |config, flag| config.flag(&flag)).build().unwrap();
        App::with(config).discovery(self.discovery.clone()).broker(Arc::clone(&self.broker))
    }

    /// Who comes and goes.
    pub(crate) async fn watch(&self) -> mpsc::Receiver<Change> {
        self.discovery.watch().await.unwrap()
    }

    pub(crate) fn desk(&self) -> DeskServer<TestDesk> {
        DeskServer::new(TestDesk { teller: self.teller.clone(), go_on: Arc::clone(&self.go_on) })
    }

    pub(crate) fn teller(&self) -> mpsc::Sender<Heard> {
        self.teller.clone()
    }

    /// Starts an app with a desk.
    pub(crate) async fn start(&self, id: &str) -> RunningApp {
        self.start_with(id, &[]).await
    }

    pub(crate) async fn start_with(&self, id: &str, settings: &[(&str, &str)]) -> RunningApp {
        self.app(id, settings).serve(self.desk()).start().await.unwrap()
    }

    /// What was told next.
    pub(crate) async fn next(&mut self) -> Heard {
        let env = Env::real();
        let heard = env.until(env.now() + WITHIN, self.heard.recv()).await;
        heard.expect("nothing was told within 10 s").unwrap()
    }

    /// Nothing was told that nobody has asked for.
    pub(crate) fn nothing_more(&mut self) {
        assert_eq!(self.heard.try_recv().ok(), None);
    }
}

/// Waits until `cx` sees exactly `count` apps.
pub(crate) async fn sees(cx: &Cx, count: usize) {
    let mut changes = cx.mesh_changes();
    let deadline = cx.env().now() + WITHIN;
    while cx.nodes().len() != count {
        let changed = cx.env().until(deadline, changes.changed()).await;
        assert!(changed.is_some(), "not {count} apps within 10 s: {:?}", cx.nodes());
    }
}

pub(crate) fn tell(text: &str) -> TellMsg {
    TellMsg { text: text.into() }
}

/// Tells one app by name; its desk is known to hear it after what came before.
pub(crate) async fn tell_at(cx: &Cx, app: &RunningApp, text: &str) {
    DeskClient::new(cx).at(app.cx().app_id()).tell(tell(text)).await.unwrap();
}

pub(crate) async fn where_is(client: &DeskClient<'_>) -> String {
    client.ask(AskReq::default()).await.unwrap().app
}

pub(crate) struct TestDesk {
    teller: mpsc::Sender<Heard>,
    go_on: Arc<Semaphore>,
}

impl TestDesk {
    async fn answer(&self, cx: &Cx, req: AskReq) -> Result<AskRsp, Status> {
        let app = cx.app_id().to_string();
        if req.hold {
            self.teller.send((app.clone(), "holds".into())).await.unwrap();
            self.go_on.acquire().await.unwrap().forget();
        }
        Ok(AskRsp { app })
    }
}

impl Desk for TestDesk {
    async fn ask(&self, cx: &Cx, req: AskReq) -> Result<AskRsp, Status> {
        self.answer(cx, req).await
    }

    async fn first(&self, cx: &Cx, req: AskReq) -> Result<AskRsp, Status> {
        self.answer(cx, req).await
    }

    async fn least(&self, cx: &Cx, req: AskReq) -> Result<AskRsp, Status> {
        self.answer(cx, req).await
    }

    async fn tell(&self, cx: &Cx, msg: TellMsg) -> Result<(), Status> {
        let text = match msg.text.as_str() {
            "for whom" => {
                format!("{:?} {:?} {:?}", cx.metadata("colour"), cx.player(), cx.caller())
            }
            _ => msg.text.clone(),
        };
        self.teller.send((cx.app_id().to_string(), text)).await.unwrap();
        if msg.text == "hold" {
            self.go_on.acquire().await.unwrap().forget();
        }
        Ok(())
    }
}

/// Keeps what it has heard: the example game's `async` server.
pub(crate) struct TestChannel;

impl TestChannel {
    pub(crate) fn server() -> ChannelServer {
        ChannelServer::new(Self, Vec::new())
    }
}

impl Channel for TestChannel {
    type State = Vec<String>;

    async fn say(
        &self,
        _cx: &Cx,
        heard: &Interleaved<Vec<String>>,
        msg: TellMsg,
    ) -> Result<(), Status> {
        heard.with(|heard| heard.push(msg.text));
        Ok(())
    }

    async fn pull(
        &self,
        cx: &Cx,
        heard: &Interleaved<Vec<String>>,
        req: PullReq,
    ) -> Result<PullRsp, Status> {
        loop {
            let texts = heard.with(|heard| heard.clone());
            if texts.len() >= req.wanted as usize {
                return Ok(PullRsp { texts });
            }
            cx.env().sleep(Duration::from_millis(1)).await;
        }
    }
}

/// A player who talks in channels.
pub(crate) struct TestTalker {
    name: String,
    heard: Vec<String>,
}

impl TestTalker {
    pub(crate) fn serve(app: App) -> App {
        app.actor::<Self>(TalkerServer)
    }
}

impl Actor for TestTalker {
    const NAME: &'static str = "talker";
    type Key = String;
    type State = ();

    async fn activate(_cx: &ActorCx, name: String, _state: ()) -> Result<Self, Status> {
        Ok(Self { name, heard: Vec::new() })
    }
}

impl Talker for TestTalker {
    async fn post(&mut self, cx: &ActorCx, req: PostReq) -> Result<(), Status> {
        let channels: ChannelCasts<'_> = ChannelClient::all(cx);
        channels.say(tell(&format!("{}: {}", self.name, req.text))).await
    }

    /// What this one has heard, or else any channel.
    async fn pull(&mut self, cx: &ActorCx, req: PullReq) -> Result<PullRsp, Status> {
        if req.wanted == 0 {
            return Ok(PullRsp { texts: self.heard.clone() });
        }
        ChannelClient::new(cx).random().pull(req).await
    }

    async fn hear(&mut self, _cx: &ActorCx, msg: TellMsg) -> Result<(), Status> {
        self.heard.push(msg.text);
        Ok(())
    }
}
