//! URLs, right and wrong.

use super::Settings;

#[tokio::test]
async fn a_url_says_where_the_server_is_and_how_it_is_used() {
    let url = "mongodb://ann:pw@db.example:6000/game?connections=3&deadline_ms=250";
    let settings = Settings::parse(url).await.unwrap();
    assert_eq!((settings.database.as_str(), settings.connections), ("game", 3));
    assert_eq!(settings.deadline.as_millis(), 250);
    let printed = format!("{settings:?}");
    assert!(!printed.contains("pw"), "{printed}");
}

#[tokio::test]
async fn a_wrong_url_is_an_error_that_says_what_to_write() {
    for (url, remedy) in [
        ("mongodb://h/d?connections=0", "write 1 to 1024"),
        ("mongodb://h/d?deadline_ms=x", "write 10 to 600000"),
        ("mongodb://h", "the database is missing"),
        ("mongodb://h/d?schema=a%20b", "write 1 to 60 of a-z"),
        ("mongodb://ann:hush@/d", "write mongodb://"),
        ("mongodb://h/d?unfenced=yes", "write on or off"),
        ("mongodb://h/d?tls=true&tlsInsecure=true", "tlsCAFile=FILE"),
        ("mysql://h/d", "write mongodb://"),
    ] {
        let error = Settings::parse(url).await.expect_err(url);
        assert!(error.contains(remedy) && !error.contains("hush"), "{url}: {error}");
    }
}
