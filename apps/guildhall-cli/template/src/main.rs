use guildhall::{App, Cx};
use {{package}}::{GreeterClient, Guest};

fn main() -> guildhall::Result {
    let app = {{package}}::serve(App::load()?);
    app.on_ready(|cx| drop(cx.env().clone().spawn("client", client(cx)))).run()
}

async fn client(cx: Cx) {
    let reply = GreeterClient::new(&cx).hello(Guest { name: "world".into() }).await;
    println!("{reply:?}\nready");
}
