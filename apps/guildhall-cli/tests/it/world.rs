//! Apps to visit: greeters and counters, in the test's process, on loopback.

use std::path::Path;

use guildhall::{Actor, ActorCx, App, Config, Cx, Env, RunningApp, Status};
use guildhall_hub::Hub;
use proto::counter::{AddReq, Counter, CounterRsp, CounterServer, CounterStateEntity, GetReq};
use proto::hello::{Greeter, GreeterServer, HelloReq, HelloRsp};

use crate::program::run;

pub(crate) struct Hello(pub(crate) &'static str);

impl Greeter for Hello {
    async fn say(&self, _cx: &Cx, req: HelloReq) -> Result<HelloRsp, Status> {
        if req.name == "nobody" {
            return Err(Status::new(guildhall::Code::NotFound, "nobody is here"));
        }
        Ok(HelloRsp { text: format!("hello, {} of {}", req.name, self.0) })
    }
}

pub(crate) struct Tally(CounterStateEntity);

impl Actor for Tally {
    const NAME: &'static str = "tally";
    type Key = String;
    type State = CounterStateEntity;

    async fn activate(
        _cx: &ActorCx,
        _id: String,
        state: CounterStateEntity,
    ) -> Result<Self, Status> {
        Ok(Self(state))
    }

    fn state(&mut self) -> &mut CounterStateEntity {
        &mut self.0
    }
}

impl Counter for Tally {
    async fn add(&mut self, _cx: &ActorCx, req: AddReq) -> Result<CounterRsp, Status> {
        *self.0.value_mut() += req.add;
        Ok(CounterRsp { value: self.0.value, note: String::new() })
    }

    async fn get(&mut self, _cx: &ActorCx, _req: GetReq) -> Result<CounterRsp, Status> {
        Ok(CounterRsp { value: self.0.value, note: String::new() })
    }
}

/// An app with a secret, and its link's address.
pub(crate) async fn app(id: &'static str) -> (RunningApp, String) {
    app_at(id, "memory:").await
}

/// As [`app`], found at `discovery`.
pub(crate) async fn app_at(id: &'static str, discovery: &str) -> (RunningApp, String) {
    let config = Config::builder()
        .set("app.id", id)
        .set("app.version", "v7")
        .set("app.discovery", discovery)
        .set("link.listen", "127.0.0.1:0")
        .set("link.secret", "among us");
    let app = App::with(config.build().unwrap()).plugin(Hub);
    let app = app.serve(GreeterServer::new(Hello(id)));
    let app = app.actor::<Tally>(CounterServer).start().await.unwrap();
    let address = app.link_addr().unwrap().to_string();
    (app, address)
}

/// Runs the program in a folder, while the apps of the test answer.
pub(crate) async fn visit_from(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let folder = folder.to_owned();
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let env = Env::real();
    let visit = env.blocking(move || {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        run(&folder, &args)
    });
    visit.await.unwrap()
}

/// As [`visit_from`], from where the test runs.
pub(crate) async fn visit(args: &[&str]) -> (i32, String, String) {
    visit_from(Path::new("."), args).await
}

/// As [`visit`], of the app at an address.
pub(crate) async fn visit_at(address: &str, args: &[&str]) -> (i32, String, String) {
    visit(&[args, &["--app", address, "--secret", "among us"]].concat()).await
}
