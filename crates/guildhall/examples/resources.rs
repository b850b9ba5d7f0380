//! Resources: game data loaded from files. A reload replaces all of it or nothing.
//!
//! ```text
//! cargo run -p guildhall --example resources
//! ```
//!
//! Output:
//!
//!     hello, novice alice
//!     reloaded: ["resources"]
//!     hello, apprentice alice
//!     nothing was reloaded: titles.json:2: level 1 comes twice
//!     hello, apprentice alice

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

// ANCHOR: resources
use std::collections::BTreeMap;

use guildhall::{App, Config, Cx, Loading, ResourceError, Status};
use proto::hello::{Greeter, GreeterClient, GreeterServer, HelloReq, HelloRsp};

/// Titles by level.
struct Titles(BTreeMap<u32, String>);

fn titles(load: &Loading<'_>) -> Result<Titles, ResourceError> {
    let rows: Vec<(u32, String)> = load.json("titles.json")?;
    let mut titles = BTreeMap::new();
    for (line, (level, title)) in (1..).zip(rows) {
        if titles.insert(level, title).is_some() {
            let why = format!("level {level} comes twice");
            return Err(ResourceError::new("titles.json", line, why));
        }
    }
    Ok(Titles(titles))
}

struct Hello;

impl Greeter for Hello {
    async fn say(&self, cx: &Cx, req: HelloReq) -> Result<HelloRsp, Status> {
        // The same version until this call ends, also in its calls to its own app.
        let titles = cx.resource::<Titles>();
        let title = titles.0.get(&1).map_or("", String::as_str);
        Ok(HelloRsp { text: format!("hello, {title} {}", req.name) })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let write = |text: &str| std::fs::write(dir.path().join("titles.json"), text);
    write("[[1, \"novice\"]]")?;
    let config = Config::builder().set("resources.dir", dir.path().display().to_string());
    // Switches the polling of the folder off, so that only `reload` below loads it.
    let config = config.set("resources.watch_ms", 0).build()?;
    let app = App::with(config).resource::<Titles>(titles).serve(GreeterServer::new(Hello));
    let app = app.start().await?;
    let cx = app.cx();
    let greeter = GreeterClient::new(&cx);
    let alice = || greeter.say(HelloReq { name: "alice".into() });
    println!("{}", alice().await?.text);
    for text in ["[[1, \"apprentice\"]]", "[[1, \"apprentice\"],\n[1, \"master\"]]"] {
        write(text)?;
        // SIGHUP and `guildhall reload` do the same.
        match app.reload().await {
            Ok(reloaded) => println!("reloaded: {:?}", reloaded.changed),
            Err(status) => println!("{}", status.message()),
        }
        println!("{}", alice().await?.text);
    }
    app.shutdown().await;
    Ok(())
}
// ANCHOR_END: resources
