//! Packets of statements.

use guildhall_sql::{Fault, Params as _, Statement};

use super::packets;
use crate::sql::Literals;

fn plain(sql: &str) -> Statement<Literals> {
    Statement::plain(sql)
}

#[test]
fn statements_share_packets_as_far_as_they_fit() {
    let some = || vec![plain("SELECT 1"), plain("SELECT 22"), plain("SELECT 333")];
    let all = packets(some(), 1000).unwrap();
    assert_eq!(all, [("SELECT 1;SELECT 22;SELECT 333".to_owned(), 3)]);
    let few = packets(some(), 22).unwrap();
    assert_eq!(few.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [2, 1]);
    assert!(few.iter().all(|(text, _)| text.len() < 22));
}

#[test]
fn what_is_larger_than_a_packet_is_not_sent() {
    let error = packets(vec![plain("SELECT 1"), plain("SELECT 22")], 9).unwrap_err();
    assert!(
        matches!(&error, Fault::Values(why) if why.contains("max_allowed_packet")),
        "{error:?}"
    );
}

#[test]
fn a_value_that_cannot_be_kept_is_not_sent() {
    let mut literals = Literals::default();
    let sql = format!("SELECT {}", literals.float(f64::NAN));
    let error = packets(vec![plain("SELECT 1"), Statement::new(sql, literals)], 1000).unwrap_err();
    assert!(matches!(&error, Fault::Values(why) if why.contains("NaN")), "{error:?}");
}
