//! Starting: what a gate cannot do without, and who it lets in.

use guildhall::status::reason;
use guildhall::{App, Config};
use guildhall_gate::Gate;
use jsonwebtoken::{Algorithm, EncodingKey, Header};

use crate::clients::{Tcp, Ws, hello};
use crate::world::{Trusting, config, world, world_with};

async fn why(gate: Gate, config: Config) -> String {
    match App::with(config).component(gate).start().await {
        Ok(_) => panic!("it starts"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_gate_without_keys_does_not_start_and_says_what_to_set() {
    let error = why(Gate::new(), config("dev.w1.gate.1").build().unwrap()).await;
    assert!(error.contains("set gate.jwt.keys"), "{error}");
}

#[tokio::test]
async fn a_gate_without_an_address_does_not_start_and_says_what_to_set() {
    let config = config("dev.w1.gate.1").set("gate.tcp", "").set("gate.websocket", "");
    let error = why(Gate::new().authenticate(Trusting), config.build().unwrap()).await;
    assert!(error.contains("set gate.tcp or gate.websocket"), "{error}");
}

#[tokio::test]
async fn a_misspelt_key_of_the_gate_is_an_error() {
    let config = config("dev.w1.gate.1").set("gate.windw", 3).build().unwrap();
    let error = why(Gate::new().authenticate(Trusting), config).await;
    assert!(error.contains("gate.window"), "{error}");
}

#[tokio::test]
async fn a_login_is_welcomed() {
    let world = world().await;
    let (_client, welcome) = Tcp::welcomed(world.tcp(), "bob").await;
    assert_eq!((welcome.player.as_str(), welcome.resumed), ("bob", false));
    assert_eq!(welcome.heartbeat_ms, 15_000);
    let is_id = |id: &str| id.len() == 32 && u128::from_str_radix(id, 16).is_ok();
    assert!(is_id(&welcome.session) && is_id(&welcome.resume), "{welcome:?}");
    assert_ne!(welcome.session, welcome.resume);
}

#[tokio::test]
async fn a_wrong_token_is_told_and_ends_the_connection() {
    let world = world().await;
    let mut client = Tcp::connect(world.tcp()).await;
    client.send(&hello("wrong")).await;
    assert_eq!(client.end().await, reason::UNAUTHENTICATED);
    assert_eq!(client.recv().await, None);
}

#[tokio::test]
async fn tokens_are_checked_with_the_keys_of_a_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let keys = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w"}]}"#;
    std::fs::write(file.path(), keys).unwrap();
    let config = config("dev.w1.gate.1").set("gate.jwt.keys", file.path().display().to_string());
    let gate = Gate::new();
    let app = App::with(config.build().unwrap()).component(gate.clone());
    let _app = app.start().await.unwrap();
    let mut client = Tcp::connect(gate.tcp_addr().unwrap()).await;
    client.send(&hello("not a token")).await;
    assert_eq!(client.end().await, reason::UNAUTHENTICATED);
    // A good one gets as far as the session, which nobody serves here.
    let mut client = Tcp::connect(gate.tcp_addr().unwrap()).await;
    client.send(&hello(&token())).await;
    assert_eq!(client.end().await, reason::NO_ROUTE);
}

/// Signed with the secret half of the key in the test above: 32 ones.
fn token() -> String {
    let mut pkcs8 = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
    pkcs8.extend_from_slice(&[1; 32]);
    let expires = guildhall::Env::real().wall().as_secs() + 600;
    let claims = serde_json::json!({"sub": "account", "player": "bob", "exp": expires});
    let (header, key) = (Header::new(Algorithm::EdDSA), EncodingKey::from_ed_der(&pkcs8));
    jsonwebtoken::encode(&header, &claims, &key).unwrap()
}

#[tokio::test]
async fn without_a_session_service_a_login_fails_and_says_so() {
    let gate = Gate::new().authenticate(Trusting);
    let app = App::with(config("dev.w1.gate.1").build().unwrap()).component(gate.clone());
    let _app = app.start().await.unwrap();
    let mut client = Tcp::connect(gate.tcp_addr().unwrap()).await;
    client.send(&hello("bob")).await;
    assert_eq!(client.end().await, reason::NO_ROUTE);
}

#[tokio::test]
async fn a_websocket_has_its_path_and_its_origins() {
    let world = world_with(|config| {
        let origins = vec!["https://game.example"];
        config.set("gate.origins", origins).set("gate.websocket_path", "/play")
    })
    .await;
    let open = |path: &'static str, origin| Ws::open(world.ws(), path, origin);
    assert_eq!(open("/other", None).await.err(), Some(404));
    assert_eq!(open("/play", Some("https://evil.example")).await.err(), Some(403));
    assert!(open("/play", Some("https://game.example")).await.is_ok());
    assert!(open("/play", None).await.is_ok());
}
