//! Tests of URLs.

use super::{Settings, User};

#[test]
fn a_url_has_addresses_a_user_and_options() {
    let url =
        "etcd://game:se%40cr%3Aet@10.0.0.1:2380,etcd-2.local,[::1]:7?prefix=a/b&deadline_ms=250";
    let settings = Settings::parse(url).unwrap();
    assert_eq!(settings.addresses, ["10.0.0.1:2380", "etcd-2.local:2379", "[::1]:7"]);
    assert_eq!((settings.prefix.as_str(), settings.deadline.as_millis()), ("a/b", 250));
    let User { name, password } = settings.user.clone().unwrap();
    assert_eq!((name.as_str(), password.as_str()), ("game", "se@cr:et"));
    assert!(!format!("{settings:?}").contains("se@cr"));
    assert_eq!(Settings::parse("etcd://[fe80::1]").unwrap().addresses, ["[fe80::1]:2379"]);
}

#[test]
fn what_is_wrong_with_a_url_is_an_error_that_names_it_and_no_secret() {
    let wrong = [
        ("etc://a", "etcd://user"),
        ("etcd://", "no address"),
        ("etcd://a:0", "no address"),
        ("etcd://a:65536", "no address"),
        ("etcd://a b", "no address"),
        ("etcd://a:1,,b:1", "no address"),
        ("etcd://[::1", "no address"),
        ("etcd://::1:2379", "no address"),
        ("etcd://[]:1", "no address"),
        ("etcd://hush@a:1", "no password"),
        ("etcd://game:@a:1", "empty"),
        ("etcd://game:hush", "no address"),
        ("etcd://game:1?hush@a:1", "hexadecimal"),
        ("etcd://game:1?hush=2@a:1", "hexadecimal"),
        ("etcd://game:hush%4@a:1", "hexadecimal"),
        ("etcd://game:hush%ff@a:1", "hexadecimal"),
        ("etcd://game:hush%+1@a:1", "hexadecimal"),
        ("etcd://a?prefix=", "prefix"),
        ("etcd://a?prefix=a%00", "prefix"),
        ("etcd://a?deadline_ms=9", "10 to 600000"),
        ("etcd://a?deadline=9", "deadline_ms"),
        ("etcd://a?hush", "unknown option"),
    ];
    for (url, why) in wrong {
        let error = Settings::parse(url).unwrap_err();
        assert!(error.contains(why), "{url}: {error}");
        assert!(!error.contains("hush") || url.ends_with("?hush"), "{url}: {error}");
    }
    let many = format!("etcd://{}", vec!["a"; 17].join(","));
    assert!(Settings::parse(&many).unwrap_err().contains("16"));
}

#[test]
fn the_url_of_a_document_has_a_key_and_errors_show_no_password() {
    let (settings, key) =
        Settings::parse_document("etcd://game:se%2Fcret@a,b:7/game/demo.toml?deadline_ms=250")
            .unwrap();
    assert_eq!(
        (settings.addresses, key.as_str()),
        (vec!["a:2379".into(), "b:7".into()], "game/demo.toml")
    );
    assert_eq!(
        (settings.deadline.as_millis(), settings.user.unwrap().password.as_str()),
        (250, "se/cret")
    );
    assert_eq!(Settings::parse_document("etcd://a//k").unwrap().1, "/k");
    let long = format!("etcd://game:hush@a/{}", "k".repeat(1025));
    for (url, why) in [
        ("etcd://game:hush@a", "KEY"),
        ("etcd://game:hush@a/", "KEY"),
        ("etcd://game:hush@a/k%00", "KEY"),
        ("etcd://game:hush@a/k\n", "KEY"),
        ("etcd://game:hush@a/k@hush", "KEY"),
        ("etcd://game:hu/sh@a/k?hush=1", "unknown option"),
        ("etcd://game:hush@a/k?deadline_ms=0", "deadline_ms"),
        ("etcd://game:hush/k", "no address"),
        ("nats://game:hush@a/k", "etcd://"),
        (&*long, "KEY"),
    ] {
        let error = Settings::parse_document(url).unwrap_err();
        assert!(error.contains(why), "{url}: {error}");
        assert!(!error.contains("hush") || url.ends_with("?hush=1"), "{url}: {error}");
    }
}
