//! URLs, right and wrong.

use super::Settings;

#[test]
fn a_url_says_where_the_server_is_and_how_it_is_used() {
    let url = "postgres://ann:pw@db.example:6000/game?schema=g2&connections=3&deadline_ms=250";
    let settings = Settings::parse(url).unwrap();
    assert_eq!(settings.addresses, ["db.example:6000"]);
    assert_eq!((settings.schema.as_str(), settings.connections), ("g2", 3));
    assert_eq!(settings.deadline.as_millis(), 250);
    let printed = format!("{settings:?}");
    assert!(!printed.contains("pw"), "{printed}");
}

#[test]
fn a_wrong_url_is_an_error_that_says_what_to_write() {
    for (url, remedy) in [
        ("postgres://h/d?connections=0", "write 1 to 1024"),
        ("postgres://h/d?deadline_ms=x", "write 10 to 600000"),
        ("postgres://h/d?schema=Drop%20x", "write 1 to 63 of a-z"),
        ("postgres://h/d?cache_mb=1", "write postgres://"),
        ("postgres://h/d?sslmode=allow", "write disable, prefer"),
        ("postgres://h/d?sslmode=verify-full", "needs sslrootcert=FILE"),
        (
            "postgres://h/d?sslmode=verify-ca&sslrootcert=/nowhere.pem",
            "write the path of a PEM file",
        ),
        ("postgres://h/d?sslmode=require&sslrootcert=a%20b", "without %"),
        ("postgres:///d", "the host is missing"),
    ] {
        let error = Settings::parse(url).expect_err(url);
        assert!(error.contains(remedy), "{url}: {error}");
    }
}
