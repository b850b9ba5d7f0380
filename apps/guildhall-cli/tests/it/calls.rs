//! `guildhall call`, to apps.

use crate::world::{app, visit, visit_at, visit_from};

#[tokio::test]
async fn a_call_by_name_prints_the_response_as_json() {
    let (_app, address) = app("dev.w1.all.1").await;
    let want = "{\n  \"text\": \"hello, you of dev.w1.all.1\"\n}\n";
    for name in ["hello.Greeter/Say", "/hello.Greeter/Say", "Greeter/Say"] {
        let (code, out, err) = visit_at(&address, &["call", name, r#"{"name":"you"}"#]).await;
        assert_eq!((code, out.as_str(), err.as_str()), (0, want, ""), "{name}");
    }
}

#[tokio::test]
async fn a_key_by_flag_goes_into_the_request() {
    let (_app, address) = app("dev.w1.all.1").await;
    let add = ["call", "Counter/Add", r#"{"add":5}"#, "--key", "x"];
    assert_eq!(visit_at(&address, &add).await.1, "{\n  \"value\": \"5\"\n}\n");
    let get = ["call", "Counter/Get", r#"{"id":"x"}"#];
    assert_eq!(visit_at(&address, &get).await.1, "{\n  \"value\": \"5\"\n}\n");
    let (code, _, err) = visit_at(&address, &["call", "Counter/Get"]).await;
    assert_eq!(code, 1);
    assert!(err.contains("counter.Counter/Get has a key: give --key, or id in the body"), "{err}");
    let both = ["call", "Counter/Get", r#"{"id":"x"}"#, "--key", "y"];
    let (code, _, err) = visit_at(&address, &both).await;
    assert!(code == 1 && err.contains("give one of them"), "{err}");
}

#[tokio::test]
async fn a_key_may_be_a_negative_number() {
    let (_app, address) = app("dev.w1.all.1").await;
    let add = ["call", "Counter/Add", r#"{"add":5}"#, "--key", "-5"];
    let (code, out, err) = visit_at(&address, &add).await;
    assert_eq!((code, out.as_str()), (0, "{\n  \"value\": \"5\"\n}\n"), "{err}");
    let (_, out, _) = visit_at(&address, &["call", "Counter/Get", r#"{"id":"-5"}"#]).await;
    assert_eq!(out, "{\n  \"value\": \"5\"\n}\n");
}

#[tokio::test]
async fn a_named_app_gets_the_call() {
    let ((_one, a), (_two, b)) = (app("dev.w1.all.1").await, app("dev.w1.all.2").await);
    let both = format!("{a},{b}");
    for _ in 0..4 {
        let call = ["call", "Greeter/Say", "{}", "--at", "dev.w1.all.2"];
        let (_, out, err) = visit_at(&both, &call).await;
        assert!(out.contains("of dev.w1.all.2"), "{out}{err}");
    }
    let (code, _, err) =
        visit_at(&both, &["call", "Greeter/Say", "{}", "--at", "dev.w1.al.2"]).await;
    assert!(code == 1 && err.contains("did you mean `dev.w1.all.2`?"), "{err}");
}

#[tokio::test]
async fn a_failed_call_tells_reason_and_effect_and_ends_with_1() {
    let (_app, address) = app("dev.w1.all.1").await;
    let (code, out, err) =
        visit_at(&address, &["call", "Greeter/Say", r#"{"name":"nobody"}"#]).await;
    let want = "error: hello.Greeter/Say: NOT_FOUND: nobody is here\n  \
                effect  Ran: this is what the handler answered\n";
    assert_eq!((code, out.as_str(), err.as_str()), (1, "", want));
    let (code, _, err) = visit_at(&address, &["call", "Counter/Get", "--key", "unheard-of"]).await;
    assert!(code == 1 && err.contains("  reason  18 NO_SUCH_ENTITY\n  effect  NotRun: "), "{err}");
}

#[tokio::test]
async fn misspelt_names_and_bodies_are_told_what_there_is() {
    let (_app, address) = app("dev.w1.all.1").await;
    for (method, body, want) in [
        ("hello.Greter/Say", "{}", "did you mean `hello.Greeter/Say`?"),
        ("Greeter/Sy", "{}", "did you mean `Greeter/Say`?"),
        ("Nothing/Like", "{}", "known are "),
        ("Greeter/Say", r#"{"nam":"x"}"#, "'nam' at line 1 column 6; it has {name: string}"),
        ("Greeter/Say", r#"{"name":1}"#, "the body is no hello.HelloReq"),
        ("Greeter/Say", "{} {}", "trailing characters"),
    ] {
        let (code, _, err) = visit_at(&address, &["call", method, body]).await;
        assert!(code == 1 && err.contains(want), "{method} {body}: {err}");
    }
}

#[tokio::test]
async fn an_app_that_is_not_there_is_named_with_the_reason() {
    let (_app, address) = app("dev.w1.all.1").await;
    let call = ["call", "Greeter/Say"];
    // Port 1 is nobody's.
    let (code, _, err) = visit_at("127.0.0.1:1", &call).await;
    assert!(code == 1 && err.contains("127.0.0.1:1: ") && err.contains("does it run"), "{err}");
    let (code, _, err) = visit_at(&address, &[&call[..], &["--env", "prod"]].concat()).await;
    assert!(code == 1 && err.contains("say with --env"), "{err}");
    let wrong = [&call[..], &["--app", &address, "--secret", "wrong"]].concat();
    let (code, _, err) = visit(&wrong).await;
    assert!(code == 1 && err.contains("secret"), "{err}");
    let (code, _, err) = visit(&call).await;
    assert!(code == 1 && err.contains("which cluster? Give --app"), "{err}");
    let (code, _, err) = visit(&[&call[..], &["--discovery", "etdc://:hush@x"]].concat()).await;
    assert!(code == 1 && err.contains("`etdc://x`: this program knows"), "{err}");
    assert!(!err.contains("hush"), "{err}");
}

#[tokio::test]
async fn the_file_of_an_app_says_which_cluster() {
    let (_app, address) = app("dev.w1.all.1").await;
    let folder = tempfile::tempdir().unwrap();
    let settings = format!("[link]\nlisten = \"{address}\"\nsecret = \"among us\"\n");
    std::fs::write(folder.path().join("guildhall.toml"), settings).unwrap();
    let args = ["call", "Greeter/Say"];
    let (code, _, err) = visit_from(folder.path(), &args).await;
    assert_eq!((code, err.as_str()), (0, ""));
}
