//! URLs, right and wrong.

use super::Settings;

#[test]
fn a_url_says_where_the_server_is_and_how_it_is_used() {
    let url = "mysql://ann:p%40w@db.example:6000,[::1],10.0.0.1/game?connections=3&deadline_ms=250";
    let settings = Settings::parse(url).unwrap();
    assert_eq!(settings.addresses, ["db.example:6000", "[::1]:3306", "10.0.0.1:3306"]);
    assert_eq!((settings.schema.as_str(), settings.connections), ("game", 3));
    assert_eq!((settings.server.user(), settings.server.pass()), (Some("ann"), Some("p@w")));
    assert_eq!(settings.deadline.as_millis(), 250);
    let printed = format!("{settings:?}");
    assert!(!printed.contains("p@w") && !printed.contains("p%40w"), "{printed}");
    assert_eq!(Settings::parse("mariadb://h/game?schema=g2").unwrap().schema, "g2");
}

#[test]
fn a_wrong_url_is_an_error_that_says_what_to_write() {
    for (url, remedy) in [
        ("mysql://h/d?connections=0", "write 1 to 1024"),
        ("mysql://h/d?deadline_ms=x", "write 10 to 600000"),
        ("mysql://h", "write 1 to 63 of a-z"),
        ("mysql://h/d`x", "write 1 to 63 of a-z"),
        ("mysql://h/d?schema=Drop%20x", "write 1 to 63 of a-z"),
        ("mysql://h/d?cache_mb=1", "known are connections"),
        ("mysql://h/d?pool_max=1", "known are connections"),
        ("mysql://h/d?tls=perhaps", "write on or off"),
        ("mysql://h/d?ca=x.pem", "needs tls=on"),
        ("mysql:///d", "is no host"),
        ("mysql://h:0/d", "no port from 1 to 65535"),
        ("mysql://a b/d", "is no host"),
        ("mysql://[x]/d", "is no host"),
        ("postgres://h/d", "write mysql://"),
    ] {
        let error = Settings::parse(url).expect_err(url);
        assert!(error.contains(remedy), "{url}: {error}");
    }
}
