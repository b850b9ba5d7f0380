//! Tokens against keys, by a clock that the test sets.

use std::time::Duration;

use guildhall_core::Code;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use proptest::collection::vec;
use proptest::prelude::*;
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
fn a_token_says_who_the_account_and_the_player_are() {
    let identity = jwt().authenticate(&token(1, Some("k1"), &claims()), NOW).unwrap();
    let Identity { account, player, claims } = identity;
    assert_eq!((account.as_str(), player.as_deref()), ("account", Some("1001")));
    assert_eq!(claims["vip"], true);
}

#[test]
fn the_claim_that_the_configuration_names_is_the_player_and_no_other() {
    let without = |name: &str| {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        token(0, Some("k0"), &claims)
    };
    let why = refused(&without("player"));
    assert!(why.contains("gate.jwt.player"), "an account is no player: {why}");
    refused(&token(0, Some("k0"), &with("player", json!({"id": 1}))));

    let by = |claim: &str| load(&jwks(&[0, 1]), |config| config.player = claim.into()).unwrap();
    let player = |jwt: Jwt, token: &str| jwt.authenticate(token, NOW).map(Identity::into_player);
    assert_eq!(player(by("sub"), &without("player")).unwrap().as_deref(), Some("account"));
    let whole = token(0, Some("k0"), &claims());
    assert_eq!(player(by("sub"), &whole).unwrap().as_deref(), Some("account"));
    let other = token(0, Some("k0"), &with("https://game.example/role", 77.into()));
    assert_eq!(player(by("https://game.example/role"), &other).unwrap().as_deref(), Some("77"));
    player(by("https://game.example/role"), &whole).unwrap_err();
}

#[test]
fn a_token_whose_header_has_extensions_that_must_be_understood_is_refused() {
    let header = |crit: Vec<String>| Header {
        kid: Some("k0".into()),
        crit: Some(crit),
        ..Header::new(Algorithm::EdDSA)
    };
    for crit in [vec!["exp".to_owned()], vec!["b64".to_owned()], vec![]] {
        let signed = encode(&header(crit), &claims(), &signer(0)).unwrap();
        let why = refused(&signed);
        assert!(why.contains("crit"), "{why}");
    }
}

/// A P-256 key that protects nothing: its secret is 1, so its point is the generator.
fn p256() -> (Value, EncodingKey) {
    let mut pkcs8 = b"\x30\x41\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\
        \x03\x01\x07\x04\x27\x30\x25\x02\x01\x01\x04\x20"
        .to_vec();
    pkcs8.extend([[0; 31].as_slice(), &[1]].concat());
    let (x, y) = (
        "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",
        "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU",
    );
    let jwk = json!({"kty": "EC", "crv": "P-256", "kid": "ec", "x": x, "y": y});
    (jwk, EncodingKey::from_ec_der(&pkcs8))
}

#[test]
fn algorithms_of_several_families_are_accepted_each_with_keys_of_its_own() {
    let (ec, ec_key) = p256();
    let ed = json!({"kty": "OKP", "crv": "Ed25519", "kid": "k0", "x": PUBLIC[0]});
    let secret = json!({"kty": "oct", "kid": "mac", "k": PUBLIC[1]});
    let keys = json!({"keys": [ed, ec, secret]}).to_string();
    let both = |algorithms: &[&str]| {
        load(&keys, |c| c.algorithms = algorithms.iter().map(|&a| a.to_owned()).collect()).unwrap()
    };
    let by_ec = |kid: &str| {
        let header = Header { kid: Some(kid.into()), ..Header::new(Algorithm::ES256) };
        encode(&header, &claims(), &ec_key).unwrap()
    };
    for algorithms in [["EdDSA", "ES256", "RS256"], ["RS256", "ES256", "EdDSA"]] {
        let jwt = both(&algorithms);
        for token in [token(0, Some("k0"), &claims()), by_ec("ec")] {
            let identity = jwt.authenticate(&token, NOW);
            assert_eq!(identity.unwrap().account, "account", "{algorithms:?}");
        }
        // A key of the other family, and one whose algorithm is not in the list.
        for token in [token(0, Some("ec"), &claims()), by_ec("k0"), by_ec("mac")] {
            jwt.authenticate(&token, NOW).unwrap_err();
        }
    }
    both(&["EdDSA"]).authenticate(&by_ec("ec"), NOW).unwrap_err();
}

#[test]
fn a_key_that_says_its_algorithm_is_for_no_other() {
    let (mut ec, ec_key) = p256();
    ec["alg"] = "ES384".into();
    let ed = json!({"kty": "OKP", "crv": "Ed25519", "kid": "k0", "x": PUBLIC[0], "alg": "EdDSA"});
    let keys = json!({"keys": [ed, ec]}).to_string();
    let algorithms = ["EdDSA", "ES256", "ES384"].map(str::to_owned);
    let jwt = load(&keys, |config| config.algorithms = algorithms.into()).unwrap();
    let header = Header { kid: Some("ec".into()), ..Header::new(Algorithm::ES256) };
    jwt.authenticate(&encode(&header, &claims(), &ec_key).unwrap(), NOW).unwrap_err();
    jwt.authenticate(&token(0, Some("k0"), &claims()), NOW).unwrap();
}

#[test]
fn unknown_keys_are_skipped_and_are_an_error_only_when_none_is_left() {
    let unknown = [
        json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "pq", "pub": "AA"}),
        json!({"kty": "OKP", "crv": "X25519", "kid": "dh", "x": PUBLIC[1], "use": "enc"}),
        json!({"kty": "RSA", "kid": "rsa", "n": "AQAB", "e": "AQAB"}),
        json!({"kid": "odd"}),
        json!(7),
    ];
    let known = json!({"kty": "OKP", "crv": "Ed25519", "kid": "k0", "x": PUBLIC[0]});
    let all: Vec<_> = unknown.iter().cloned().chain([known]).collect();
    // With what some editors put before a text.
    let file = format!("\u{feff}{}", json!({ "keys": all }));
    let jwt = load(&file, |_| {}).unwrap();
    jwt.authenticate(&token(0, Some("k0"), &claims()), NOW).unwrap();
    jwt.authenticate(&token(0, None, &claims()), NOW).unwrap();
    let why = load(&json!({ "keys": unknown }).to_string(), |_| {}).err().unwrap();
    for part in ["no key in it can be used", "`pq`", "`dh`", "`rsa`", "gate.jwt.algorithms"] {
        assert!(why.contains(part), "`{why}` does not say `{part}`");
    }
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

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn a_token_that_was_changed_anywhere_is_refused(
        at in any::<prop::sample::Index>(),
        bytes in vec(any::<u8>(), 0..4),
        cut in any::<bool>(),
    ) {
        let jwt = jwt();
        let whole = token(0, Some("k0"), &claims());
        let at = at.index(whole.len() + 1);
        let end = if cut { whole.len() } else { (at + bytes.len()).min(whole.len()) };
        let changed = [&whole.as_bytes()[..at], &bytes, &whole.as_bytes()[end..]].concat();
        let changed = String::from_utf8_lossy(&changed);
        let accepted = jwt.authenticate(&changed, NOW);
        prop_assert!(accepted.is_err() || changed == whole, "{changed}");
        if let Err(status) = accepted {
            prop_assert!(status.message().len() < 256, "{status}");
        }
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
        (why(load(&jwks(&[0]), |config| config.player.clear())), "gate.jwt.player is empty"),
    ];
    for (got, want) in cases {
        assert!(got.contains(want), "`{got}` does not say `{want}`");
    }
}
