//! Letters in parts, and payloads that are none.

use super::{Letter, Letters, PAYLOAD_MAX, TEXT_MAX, parts};

#[test]
fn a_text_of_any_length_comes_out_of_its_parts() {
    let mut letters = Letters::default();
    for len in [0, 1, PAYLOAD_MAX, 3 * PAYLOAD_MAX, TEXT_MAX] {
        let text = "x".repeat(len);
        let mut parts = parts(&text);
        let last = parts.pop().unwrap();
        for part in &parts {
            let payload = format!("{} {part}", u64::MAX);
            assert!(payload.len() <= PAYLOAD_MAX, "{}", payload.len());
            assert_eq!(letters.take("c", &payload), None);
        }
        let letter = letters.take("c", &format!("{} {last}", u64::MAX));
        assert_eq!(letter, Some(Letter { seq: u64::MAX, text }));
    }
}

#[test]
fn payloads_of_others_are_left_out_and_harm_no_letter_after_them() {
    let mut letters = Letters::default();
    let odd = [
        "",
        " ",
        "x",
        "1",
        "1 0",
        "1 0 1",
        "-1 0 1 x",
        "1 1 1 x",
        "1 0 0 x",
        "1 5 9 x",
        "1 9 5 x",
        "99999999999999999999 0 1 x",
        "1 0 2 half",
        "2 1 2 of another",
        "1 0 2 half",
        "1 1 3 other",
    ];
    for payload in odd {
        assert_eq!(letters.take("c", payload), None, "{payload:?}");
    }
    assert_eq!(letters.take("c", "1 0 2 half"), None);
    let whole = letters.take("c", "3 0 1 a b ").unwrap();
    assert_eq!((whole.seq, whole.text.as_str()), (3, "a b "));
    // Without an end there is an end.
    assert_eq!(letters.take("c", "1 0 999999999 x"), None);
    let large = "x".repeat(PAYLOAD_MAX);
    assert!((1..1000).all(|n| letters.take("c", &format!("1 {n} 999999999 {large}")).is_none()));
    assert!(letters.0.is_empty(), "it was given up");
}
