//! Tokens against keys, by a clock that the test sets.

use std::time::Duration;

use guildhall_core::Code;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::{Authenticate as _, Jwt};
use crate::auth::Identity;
use crate::config::JwtConfig;

/// Two Ed25519 keys that protect nothing: seeds of 32 bytes, and what is published of them.
const SEEDS: [[u8; 32]; 2] = [[1; 32], [2; 32]];
const PUBLIC: [&str; 2] =
    ["iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w", "gTl3Dqh9F19Wo1Rmw0x-zMuNipG07jeiXfYPW4_Js5Q"];

const NOW: Duration = Duration::from_secs(1_000_000);

fn signer(key: usize) -> EncodingKey {
    let mut pkcs8 = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
    pkcs8.extend_from_slice(&SEEDS[key]);
    EncodingKey::from_ed_der(&pkcs8)
}

fn jwks(keys: &[usize]) -> String {
    let jwk = |key: &usize| json!({"kty": "OKP", "crv": "Ed25519", "kid": format!("k{key}"), "x": PUBLIC[*key]});
    json!({"keys": keys.iter().map(jwk).collect::<Vec<_>>()}).to_string()
}

fn load(keys: &str, change: impl FnOnce(&mut JwtConfig)) -> Result<Jwt, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), keys).unwrap();
    let mut config = JwtConfig {
        issuer: "login".into(),
        audience: "game".into(),
        keys: file.path().display().to_string(),
        ..JwtConfig::default()
    };
    change(&mut config);
    Jwt::load(&config)
}

fn jwt() -> Jwt {
    load(&jwks(&[0, 1]), |_| {}).unwrap()
}

fn token(key: usize, kid: Option<&str>, claims: &Value) -> String {
    let header = Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::EdDSA) };
    encode(&header, claims, &signer(key)).unwrap()
}

fn claims() -> Value {
    json!({"iss": "login", "aud": "game", "sub": "account", "player": "1001", "exp": 1_000_060, "vip": true})
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn refused(token: &str) -> String {
    let status = jwt().authenticate(token, NOW).unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    status.message().to_owned()
}

#[test]
fn a_key_file_may_begin_with_a_byte_order_mark() {
    let jwt = load(&format!("\u{feff}{}", jwks(&[1])), |_| {}).unwrap();
    let identity = jwt.authenticate(&token(1, Some("k1"), &claims()), NOW).unwrap();
    assert_eq!(identity.player.as_deref(), Some("1001"));
}

#[test]
fn a_token_says_who_the_account_and_the_player_are() {
    let identity = jwt().authenticate(&token(1, Some("k1"), &claims()), NOW).unwrap();
    let Identity { account, player, claims } = identity;
    assert_eq!((account.as_str(), player.as_deref()), ("account", Some("1001")));
    assert_eq!(claims["vip"], true);
}

#[test]
fn without_a_player_the_account_is_the_player() {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove("player");
    let identity = jwt().authenticate(&token(0, Some("k0"), &claims), NOW).unwrap();
    assert_eq!(identity.into_player().as_deref(), Some("account"));
}

#[test]
fn a_token_of_another_key_is_refused() {
    refused(&token(1, Some("k0"), &claims()));
    refused(&token(0, Some("k7"), &claims()));
    refused(&token(0, None, &claims()));
}

#[test]
fn a_token_for_others_is_refused() {
    for (name, value) in [("iss", "other"), ("aud", "other")] {
        refused(&token(0, Some("k0"), &with(name, value.into())));
    }
    for name in ["iss", "aud", "exp", "sub"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        refused(&token(0, Some("k0"), &claims));
    }
}

#[test]
fn a_token_counts_within_its_time_by_the_clock_of_the_env() {
    let token_until = |exp: u64| token(0, Some("k0"), &with("exp", exp.into()));
    assert!(refused(&token_until(1_000_000 - 31)).contains("expired"));
    assert!(jwt().authenticate(&token_until(1_000_000 - 29), NOW).is_ok());
    let from = |nbf: u64| token(0, Some("k0"), &with("nbf", nbf.into()));
    assert!(refused(&from(1_000_031)).contains("not valid yet"));
    assert!(jwt().authenticate(&from(1_000_029), NOW).is_ok());
}

#[test]
fn the_token_does_not_choose_the_algorithm() {
    // The public key as the secret of a MAC, and no signature at all.
    let header = Header { kid: Some("k0".into()), ..Header::new(Algorithm::HS256) };
    let secret = EncodingKey::from_secret(PUBLIC[0].as_bytes());
    refused(&encode(&header, &claims(), &secret).unwrap());
    let signed = token(0, Some("k0"), &claims());
    let parts: Vec<&str> = signed.split('.').collect();
    // {"alg":"none","kid":"k0"}
    refused(&format!("eyJhbGciOiJub25lIiwia2lkIjoiazAifQ.{}.", parts[1]));
    refused(&format!("{}.{}.", parts[0], parts[1]));
}

#[test]
fn garbage_is_no_token() {
    for garbage in ["", ".", "..", "a.b.c", "\u{0}", &"x".repeat(10_000)] {
        refused(garbage);
    }
}

#[test]
fn a_wrong_setting_says_what_to_set() {
    let why = |result: Result<Jwt, String>| result.err().unwrap_or_else(|| "it loads".into());
    let cases = [
        (why(load("{}", |config| config.keys.clear())), "set gate.jwt.keys"),
        (why(load("{}", |_| {})), "no JWKS file"),
        (why(load("{\"keys\":[]}", |_| {})), "no key in it"),
        (why(load(&jwks(&[0, 0]), |_| {})), "two keys have the kid `k0`"),
        (why(load(&jwks(&[0]), |c| c.algorithms = vec!["RS0".into()])), "there is no `RS0`"),
        (
            why(load(&jwks(&[0]), |config| config.algorithms.clear())),
            "gate.jwt.algorithms is empty",
        ),
        (why(load("{}", |config| config.keys = "/nowhere".into())), "/nowhere"),
    ];
    for (got, want) in cases {
        assert!(got.contains(want), "`{got}` does not say `{want}`");
    }
}
