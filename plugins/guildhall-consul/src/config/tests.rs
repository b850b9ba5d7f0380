//! Tests of URLs.

use super::Settings;

#[test]
fn a_url_has_an_agent_a_token_and_options() {
    let settings =
        Settings::parse("consul://:0a-hush@[::1]:7?service=a-b&deadline_ms=250").unwrap();
    assert_eq!((settings.address.as_str(), settings.service.as_str()), ("[::1]:7", "a-b"));
    assert_eq!((settings.token.as_deref(), settings.deadline.as_millis()), (Some("0a-hush"), 250));
    assert!(!format!("{settings:?}").contains("hush"));
    assert_eq!(Settings::parse("consul://agent").unwrap().address, "agent:8500");
}

#[test]
fn what_is_wrong_with_a_url_of_consul_is_an_error_without_its_token() {
    let wrong = [
        ("consul:a", "consul://:token"),
        ("consul://", "no address"),
        ("consul://a:0", "no address"),
        ("consul://:hush", "no address"),
        ("consul://a:1,b:1", "no address"),
        ("consul://a\r\nhush:1", "no address"),
        ("consul://:@a:1", "token"),
        ("consul://hush@a:1", "token"),
        ("consul://:hush\r\nhost: b@a:1", "token"),
        ("consul://:1?hush@a:1", "token"),
        ("consul://a?service=A", "service"),
        ("consul://a?service=a/../../kv", "service"),
        ("consul://a?deadline_ms=9", "10 to 600000"),
        ("consul://a?deadline=9", "deadline_ms"),
    ];
    for (url, why) in wrong {
        let error = Settings::parse(url).unwrap_err();
        assert!(error.contains(why) && !error.contains("hush"), "{url}: {error}");
    }
}
