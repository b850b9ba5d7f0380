//! URLs, right and wrong.

use super::{Persistence, Settings, without_secrets};

#[test]
fn a_url_says_where_the_server_is_and_how_it_is_used() {
    let url = "redis://ann:p%40w@db.example:7000,[::1],10.0.0.2/3?prefix=g2&deadline_ms=250&replicas=2&persistence=always";
    let settings = Settings::parse(url).unwrap();
    assert_eq!(settings.addresses, ["db.example:7000", "[::1]:6379", "10.0.0.2:6379"]);
    assert_eq!(
        (settings.user.as_deref(), settings.password.as_deref()),
        (Some("ann"), Some("p@w"))
    );
    assert_eq!((settings.database, settings.prefix.as_str(), settings.replicas), (3, "g2", 2));
    assert_eq!(settings.persistence, Some(Persistence::Always));
    let printed = format!("{settings:?}");
    assert!(!printed.contains("p@w") && !printed.contains("ann"), "{printed}");
    let only = Settings::parse("redis://:pw@h").unwrap();
    assert_eq!((only.user, only.password.as_deref()), (None, Some("pw")));
}

#[test]
fn a_wrong_url_is_an_error_that_says_what_to_write_and_no_secret() {
    for (url, remedy) in [
        ("redis://", "write redis://host"),
        ("redis:///0", "write redis://host"),
        ("redis://h:0", "write redis://host"),
        ("redis://h:70000", "write redis://host"),
        ("redis://::1:5", "write redis://host"),
        ("redis://a,,b", "write redis://host"),
        ("redis://h/x", "write 0 to 1023"),
        ("redis://h?deadline_ms=1", "write 10 to 600000"),
        ("redis://h?prefix=a:b", "write 1 to 64"),
        ("redis://h?persistence=maybe", "always, everysec or none"),
        ("redis://h?cache=1", "known are prefix"),
        ("redis://ann@h", "redis://user:password@host"),
        ("redis://ann:hush%zz@h", "write % as %25"),
        ("redis://ann:hush%ff@h", "write % as %25"),
        ("rediss://ann:hush@h", "needs ca=FILE"),
        ("rediss://ann:hush@h?ca=/dev/null", "it has no certificate"),
        ("rediss://ann:hush@h?ca=/nowhere", "write the path of a PEM file"),
        ("rediss://ann:hush@h?ca=Cargo.toml", "it has no certificate"),
        ("http://ann:hush@h", "write redis://host"),
    ] {
        let error = Settings::parse(url).expect_err(url);
        assert!(error.contains(remedy) && !error.contains("hush"), "{url}: {error}");
    }
}

#[test]
fn an_error_does_not_print_the_password() {
    let url = "redis://ann:p@w@db.example/0?x=pw";
    assert_eq!(without_secrets(url), "redis://db.example/0");
}
