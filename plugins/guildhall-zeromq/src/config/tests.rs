//! What a URL may say.

use super::Settings;

#[test]
fn a_url_says_everything() {
    let url = "zeromq://0.0.0.0:7300?peers=a:1,[::1]:2&queues=b:3&items=7&bytes=2097152";
    let settings = Settings::parse(url).unwrap();
    assert_eq!(
        (settings.address.as_str(), settings.queue_address.as_str()),
        ("0.0.0.0:7300", "0.0.0.0:7301")
    );
    assert_eq!(
        (&settings.peers[..], &settings.queues[..]),
        (&["a:1".to_owned(), "[::1]:2".to_owned()][..], &["b:3".to_owned()][..])
    );
    assert_eq!((settings.items, settings.bytes), (7, 2 << 20));
}

#[test]
fn what_is_wrong_is_refused() {
    for url in [
        "zeromq:a:1",
        "tcp://a:1",
        "zeromq://",
        "zeromq://a",
        "zeromq://a:1?peers=b:0",
        "zeromq://a:65535",
        "zeromq://a:65536",
        "zeromq://a b:1",
        "zeromq://:1",
        "zeromq://::1:1",
        "zeromq://a:1?peers=b",
        "zeromq://a:1?peers=b:1,c",
        "zeromq://a:1?x=1",
        "zeromq://a:1?items=0",
        "zeromq://a:1?bytes=-1",
        "zeromq://a:1/x",
    ] {
        assert!(Settings::parse(url).is_err(), "{url}");
    }
    let many: Vec<String> = (1..=1025).map(|port| format!("a:{port}")).collect();
    assert!(Settings::parse(&format!("zeromq://a:1?peers={}", many.join(","))).is_err());
}
