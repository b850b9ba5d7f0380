//! URLs and their options.

use super::{Url, checked_schema};
use crate::without_secrets;

#[test]
fn options_that_nobody_takes_are_left() {
    let mut url = Url::new("x://h/d?a=1&b=2&a=3&&c");
    assert_eq!((url.base, url.take("a"), url.take("a")), ("x://h/d", Some("3"), None));
    assert_eq!((url.rest().as_str(), url.unknown()), ("b=2&c=", Some("b")));
    assert_eq!(url.take_number("b", 7, 1, 2), Ok(2));
    assert_eq!(url.take_number("b", 7, 1, 2), Ok(7));
    assert!(url.take_number("c", 7, 1, 2).unwrap_err().contains("write 1 to 2"));
    assert_eq!(url.unknown(), None);
}

#[test]
fn a_schema_needs_no_quotes() {
    assert_eq!(checked_schema("g2_x").as_deref(), Ok("g2_x"));
    for wrong in ["", "2g", "G", "g`x", "g\"x", "pg_x", "a b", &"g".repeat(64)] {
        assert!(checked_schema(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_error_does_not_print_the_password() {
    let url = "postgres://ann:p@w@db.example/game?password=pw";
    assert_eq!(without_secrets(url), "postgres://db.example/game");
    assert_eq!(without_secrets("mysql://h/d?x=y"), "mysql://h/d");
}
