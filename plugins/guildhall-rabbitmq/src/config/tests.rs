//! URLs, right and wrong.

use std::time::Duration;

use super::Settings;

#[test]
fn a_url_says_everything() {
    let url = "amqp://us%40er:p%2Fss@a:1,[::1]:2,b/v%2Fh?prefix=g.1&max_items=7&max_bytes=2048&ack_wait_ms=200&deadline_ms=300";
    let settings = Settings::parse(url).unwrap();
    assert_eq!(settings.addresses, ["a:1", "[::1]:2", "b:5672"]);
    assert_eq!(settings.uri.authority.userinfo.username, "us@er");
    assert_eq!(settings.uri.authority.userinfo.password, "p/ss");
    assert_eq!(settings.uri.vhost, "v/h");
    assert_eq!(
        (settings.prefix.as_str(), settings.max_items, settings.max_bytes),
        ("g.1", 7, 2048)
    );
    assert_eq!(settings.ack_wait, Duration::from_millis(200));
    assert_eq!(settings.deadline, Duration::from_millis(300));
    assert!(!format!("{settings:?}").contains("p/ss"));
}

#[test]
fn the_vhost_is_the_default_one_where_none_is_named() {
    for url in ["amqp://a", "amqp://a/", "amqp://game:secret@a:5672"] {
        assert_eq!(Settings::parse(url).unwrap().uri.vhost, "/", "{url}");
    }
}

#[test]
fn what_is_wrong_is_refused_without_the_password() {
    for url in [
        "amqp:a",
        "http://a",
        "amqp://",
        "amqp://a:0",
        "amqp://a:99999",
        "amqp://a:b",
        "amqp://a b",
        "amqp://a,,b",
        "amqp://::1",
        "amqp://[::1",
        "amqp://u:hush@a?x=1",
        "amqp://u:hush@a?prefix=",
        "amqp://u:hush@a?prefix=amq.x",
        "amqp://u:hush@a?prefix=a/b",
        "amqp://u:hush@a?max_items=0",
        "amqp://u:hush@a?max_items=-1",
        "amqp://u:hush@a?ack_wait_ms=99",
        "amqp://u:hush@a?deadline_ms=x",
        "amqp://u:hush%@/ a",
        "amqps://u:hush@a",
        "amqp://u:hush/x@a",
        "amqp://u:x/hush@a,b c",
        "amqp://u:x?hush@a",
        "amqp://u:x#hush@a",
        "amqp://u@hush:x@a:b",
    ] {
        let error = Settings::parse(url).unwrap_err();
        assert!(!error.contains("hush"), "{error}");
    }
}
