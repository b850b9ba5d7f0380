//! Calls of an app to its own actor.

use anyhow::Result;
use guildhall::{Actor, App, Config, Cx, RunningApp, Status};

mod keyed {
    guildhall::include_proto!("keyed");
}
use keyed::{Keyed, KeyedClient, KeyedMsg, KeyedServer};

struct Echoes {
    nothing: (),
}

impl Actor for Echoes {
    const NAME: &'static str = "echoes";
    type Key = u64;
    type State = ();

    async fn activate(_cx: &Cx, _key: u64, (): ()) -> Result<Self, Status> {
        Ok(Self { nothing: () })
    }

    fn state(&mut self) -> &mut () {
        &mut self.nothing
    }
}

impl Keyed for Echoes {
    async fn say(&mut self, _cx: &Cx, req: KeyedMsg) -> Result<KeyedMsg, Status> {
        Ok(req)
    }
}

/// An app with actors.
pub(crate) struct Local(RunningApp);

pub(crate) async fn start() -> Result<Local> {
    let config = Config::builder().set("app.id", "bench.w1.actor.1").build()?;
    Ok(Local(App::with(config).actor::<Echoes, _>(|a| a.serve(KeyedServer)).start().await?))
}

impl Local {
    pub(crate) fn call(&self) -> impl Future<Output = Result<()>> + Send + use<> {
        let cx = self.0.cx();
        async move {
            let reply = KeyedClient::new(&cx).say(KeyedMsg { id: 7, value: 7 }).await?;
            anyhow::ensure!(reply.value == 7, "a wrong reply");
            Ok(())
        }
    }
}
