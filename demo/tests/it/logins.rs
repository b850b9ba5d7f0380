//! Logins over HTTP: who gets a token, and who gets what instead.

use std::sync::{Arc, Barrier};

use serde_json::json;

use crate::program::{Place, http};

#[test]
fn an_account_is_registered_once_and_logs_in_as_its_player() {
    let place = Place::new();
    let _server = place.serve(&[]);
    let (code, made) = place.login("/register", "ada", "correct horse");
    assert_eq!(code, 201, "{made}");
    assert_eq!(made["token"].as_str().unwrap().split('.').count(), 3);
    let (code, again) = place.login("/login", "ada", "correct horse");
    assert_eq!((code, &again["player"]), (200, &made["player"]));
    let (code, taken) = place.login("/register", "ada", "another horse");
    assert_eq!(
        (code, &taken["code"], &taken["reason"]),
        (409, &json!("ALREADY_EXISTS"), &json!(1103))
    );
    let (code, _) = place.login("/login", "ada", "another horse");
    assert_eq!(code, 401);
}

#[test]
fn an_unknown_account_and_a_wrong_password_are_answered_alike() {
    let place = Place::new();
    let _server = place.serve(&[]);
    place.login("/register", "ada", "correct horse");
    let wrong = place.login("/login", "ada", "correct house");
    let unknown = place.login("/login", "eve", "correct house");
    assert_eq!(wrong, unknown);
    let (code, body) = wrong;
    assert_eq!(
        (code, &body["code"], &body["reason"]),
        (401, &json!("UNAUTHENTICATED"), &json!(1104))
    );
}

#[test]
fn what_is_no_login_is_refused_with_its_reason() {
    let place = Place::new();
    let _server = place.serve(&["login.refusal_ms=0"]);
    let long = "x".repeat(33);
    for account in ["", "ab", "Ada", "a b", "äöü", "a/../b", &long] {
        let (code, body) = place.login("/register", account, "correct horse");
        assert_eq!((code, &body["reason"]), (400, &json!(1101)), "{account}");
    }
    let long = "x".repeat(129);
    for password in ["", "1234567", "correct\nhorse", &long] {
        let (code, body) = place.login("/register", "ada", password);
        assert_eq!((code, &body["reason"]), (400, &json!(1102)), "{password}");
    }
    for body in ["", "{}", "[]", "{\"account\":\"ada\"}", "{\"account\":1,\"password\":2}"] {
        let (code, answer) = place.post("/login", body);
        assert_eq!((code, &answer["code"]), (400, &json!("INVALID_ARGUMENT")), "{body}");
    }
    // Nothing of a password comes back.
    let (_, answer) = place.post("/login", r#"{"account":"ada","password":"secret" "#);
    assert!(!answer.to_string().contains("secret"));
    let (code, answer) = place.post("/login", &"x".repeat(5000));
    assert_eq!((code, &answer["reason"]), (413, &json!(17)));
    assert_eq!(place.post("/nothing", "").0, 404);
    assert_eq!(http(place.login_addr(), "GET", "/login", "").0, 405);
}

#[test]
fn a_full_queue_is_an_error_at_once() {
    let place = Place::new();
    // One hash at a time, none waits, and each takes long.
    let _server = place.serve(&["login.hashes=1", "login.queue_max=0", "login.hash_passes=60"]);
    let (place, at_once) = (Arc::new(place), Arc::new(Barrier::new(4)));
    let logins = [(); 4].map(|()| {
        let (place, at_once) = (Arc::clone(&place), Arc::clone(&at_once));
        std::thread::spawn(move || {
            at_once.wait();
            place.login("/login", "nobody", "correct horse")
        })
    });
    let answers = logins.map(|login| login.join().unwrap());
    let count = |code| answers.iter().filter(|(answered, _)| *answered == code).count();
    assert!(count(401) >= 1 && count(429) >= 1, "{answers:?}");
    assert_eq!(count(401) + count(429), 4);
    let (_, busy) = answers.iter().find(|(code, _)| *code == 429).unwrap();
    assert_eq!((&busy["code"], &busy["reason"]), (&json!("RESOURCE_EXHAUSTED"), &json!(6)));
}

#[cfg(unix)]
#[test]
fn keys_are_made_once_and_only_their_owner_reads_the_private_one() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let server = place.serve(&[]);
    let (_, made) = place.login("/register", "ada", "correct horse");
    let keys = place.folder.path().join("data/keys");
    let read = |name: &str| std::fs::read_to_string(keys.join(name)).unwrap();
    let before = (read("signing.pem"), read("jwks.json"));
    let mode = std::fs::metadata(keys.join("signing.pem")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    server.signal("-TERM");
    assert!(server.finish().0.success());
    let _server = place.serve(&[]);
    assert_eq!(before, (read("signing.pem"), read("jwks.json")));
    // The account is the same, too.
    let (code, again) = place.login("/login", "ada", "correct horse");
    assert_eq!((code, &again["player"]), (200, &made["player"]));
}

#[test]
fn a_key_file_that_holds_no_key_is_an_error_that_names_it() {
    let place = Place::new();
    let keys = place.folder.path().join("data/keys");
    std::fs::create_dir_all(&keys).unwrap();
    std::fs::write(keys.join("signing.pem"), "nonsense").unwrap();
    let program = crate::program::demo(place.folder.path(), &place.settings(&[]));
    let (status, printed) = program.finish();
    assert_eq!(status.code(), Some(1));
    assert!(printed.contains("login.keys") && printed.contains("signing.pem"), "{printed}");
}
