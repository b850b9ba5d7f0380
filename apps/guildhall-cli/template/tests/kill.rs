use guildhall::Effect;
use guildhall_testkit::Cluster;
use std::time::Duration;
use {{package}}::{GreeterClient, Guest};

#[tokio::test(start_paused = true)]
async fn a_call_whose_app_is_killed_says_that_it_may_have_run() {
    let (server, caller) = ("dev.w1.server.1", "dev.w1.caller.1");
    let mut cluster = Cluster::new(1);
    cluster.start(server, {{package}}::serve).await.unwrap();
    cluster.start(caller, |app| app).await.unwrap();
    cluster.linked().await;
    let cx = cluster.cx(caller);
    let hello = || GreeterClient::new(&cx).hello(Guest { name: "ann".into() });
    assert_eq!(hello().await.unwrap().text, "hello, ann: visit 1");

    // The request is on its way for 10 ms; after 5 the app is killed.
    cluster.delay(caller, server, Duration::from_millis(10)..Duration::from_millis(11));
    let (call, _) = tokio::join!(hello(), async {
        cluster.advance(Duration::from_millis(5)).await;
        cluster.kill(server);
    });
    assert_eq!(call.unwrap_err().effect(), Effect::MayHaveRun);
    cluster.restart(server).await.unwrap();
    cluster.linked().await;
    assert_eq!(hello().await.unwrap().text, "hello, ann: visit 2");
}
