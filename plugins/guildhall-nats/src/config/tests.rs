//! Which URLs are read, and what errors say.

use std::time::Duration;

use super::{Login, Settings, without_secrets};

#[test]
fn a_url_says_everything() {
    let url = "nats://game:p%40ss%3A@a.example,[::1]:4333?prefix=g_1&replicas=3&deadline_ms=500&queue_ack_ms=2000&queue_items=7&queue_bytes=4096";
    let read = Settings::parse(url).unwrap();
    assert_eq!(read.addresses, ["a.example:4222", "[::1]:4333"]);
    assert!(matches!(&read.login, Login::User(user, word) if user == "game" && word == "p@ss:"));
    assert_eq!((read.prefix.as_str(), read.replicas), ("g_1", 3));
    assert_eq!(
        (read.deadline, read.queue_ack),
        (Duration::from_millis(500), Duration::from_secs(2))
    );
    assert_eq!((read.queue_items, read.queue_bytes), (7, 4096));
    let token = Settings::parse("nats://s3cret@h/").unwrap();
    assert!(matches!(&token.login, Login::Token(token) if token == "s3cret"));
}

#[test]
fn what_is_wrong_with_a_url_is_said_without_its_secrets() {
    for (url, part) in [
        ("nats://", "is no address"),
        ("nats://a:0", "is no address"),
        ("nats://a:70000", "is no address"),
        ("nats://a b", "is no address"),
        ("nats://a,", "is no address"),
        ("nats://[::1", "is no address"),
        ("http://a", "write nats://"),
        ("nats://a?prefix=A.b", "option `prefix`"),
        ("nats://a?prefix=", "option `prefix`"),
        ("nats://a?replicas=0", "option `replicas`"),
        ("nats://a?deadline_ms=-1", "option `deadline_ms`"),
        ("nats://a?retries=1", "unknown option `retries`"),
        ("nats://hush:hush%4@a", "two hex digits"),
        ("nats://hush:hush%ff@a", "two hex digits"),
        ("nats://hush:hush@a?x=hush", "unknown option"),
    ] {
        let error = Settings::parse(url).unwrap_err();
        assert!(error.contains(part) && !error.contains("hush"), "{url}: {error}");
    }
    assert_eq!(without_secrets("nats://u:hush@a:1?token=hush"), "nats://a:1");
    let shown = format!("{:?}", Settings::parse("nats://u:hush@a").unwrap());
    assert!(!shown.contains("hush"), "{shown}");
}
