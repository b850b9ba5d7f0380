//! `guildhall ls` and `guildhall reload`.

use serde_json::{Value, json};

use crate::world::{app, visit_at, visit_from};

#[tokio::test]
async fn apps_services_and_actors_are_listed() {
    let ((_one, a), (_two, b)) = (app("dev.w1.all.1").await, app("dev.w1.all.2").await);
    let both = format!("{a},{b}");
    visit_at(&both, &["call", "Counter/Add", "--key", "x", "--at", "dev.w1.all.2"]).await;
    let (code, out, err) = visit_at(&both, &["ls"]).await;
    assert_eq!((code, err.as_str()), (0, ""));
    let out: Vec<String> =
        out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let apps = format!("dev.w1.all.1 ready 100 v7 0 {a}");
    for want in [
        "APP STATE WEIGHT VERSION LOAD LINK",
        &apps,
        "hello.Greeter concurrent 2 apps",
        "Say HelloReq -> HelloRsp client",
        "Add AddReq -> CounterRsp key=id create",
        "ACTOR APP ACTIVE SLOTS SUSPENDED MOVING",
        "tally dev.w1.all.1 0 1024/1024 0 0",
        "tally dev.w1.all.2 1 1024/1024 0 0",
    ] {
        assert!(out.iter().any(|line| line == want), "no `{want}` in\n{}", out.join("\n"));
    }
    assert!(!out.iter().any(|line| line.starts_with("guildhall.runtime")), "{}", out.join("\n"));
}

#[tokio::test]
async fn a_cluster_file_says_where_its_apps_are() {
    let (_app, address) = app("dev.w1.all.1").await;
    let folder = tempfile::tempdir().unwrap();
    let cluster = format!(
        "command = \"game\"\n[apps.all]\nconfig = \"all.toml\"\nargs = [\"--set=app.discovery=static:{address}\"]\n"
    );
    std::fs::write(folder.path().join("cluster.toml"), cluster).unwrap();
    let settings = "[link]\nsecret = \"among us\"\n";
    std::fs::write(folder.path().join("all.toml"), settings).unwrap();
    // By default that of this folder, as `status`, `kill` and `scale` do.
    for flags in [&["--cluster", "cluster.toml"][..], &[]] {
        let ls = [&["ls", "apps"], flags].concat();
        let (code, out, err) = visit_from(folder.path(), &ls).await;
        assert_eq!((code, err.as_str()), (0, ""), "{flags:?}");
        assert!(out.contains("dev.w1.all.1"), "{out}");
    }
    std::fs::write(folder.path().join("cluster.toml"), "command = \"game\"\n[apps.all]\n").unwrap();
    let (code, _, err) = visit_from(folder.path(), &["ls"]).await;
    assert!(code == 1 && err.contains("no app of it says where others find it"), "{err}");
}

#[tokio::test]
async fn lists_are_json_for_programs() {
    let (_app, address) = app("dev.w1.all.1").await;
    let (_, out, _) = visit_at(&address, &["ls", "services", "--json", "--all"]).await;
    let listed: Value = serde_json::from_str(&out).unwrap();
    let services = listed["services"].as_array().unwrap();
    let node = services.iter().find(|service| service["name"] == "guildhall.runtime.Node").unwrap();
    assert_eq!(node["apps"], json!(["dev.w1.all.1"]));
    let hello = services.iter().find(|service| service["name"] == "hello.Greeter").unwrap();
    let say = json!({"name": "Say", "request": "HelloReq", "response": "HelloRsp", "options": ["client"]});
    assert_eq!(hello["methods"], json!([say]));
    assert_eq!(listed.get("apps"), None);
}

#[tokio::test]
async fn who_is_not_reached_is_told_and_the_others_are_listed() {
    let (_app, address) = app("dev.w1.all.1").await;
    let (code, out, err) = visit_at(&format!("{address},127.0.0.1:1"), &["ls", "apps"]).await;
    assert!(code == 0 && out.contains("dev.w1.all.1"), "{out}");
    assert!(err.starts_with("not reached: 127.0.0.1:1: "), "{err}");
}

#[tokio::test]
async fn a_visit_leaves_no_app_behind() {
    let (app, address) = app("dev.w1.all.1").await;
    visit_at(&address, &["ls"]).await;
    let nodes = app.cx().nodes();
    assert_eq!(nodes.len(), 1, "{nodes:?}");
}
