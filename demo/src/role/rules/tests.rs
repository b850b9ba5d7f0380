//! Names and texts as attackers and ordinary people write them.

use super::{as_name, check_text, name_key};
use crate::proto::role::RoleError;

#[test]
fn names_of_ordinary_people_are_names() {
    for name in [
        "Ada",
        "ada lovelace",
        "Łukasz-2",
        "Ольга",
        "明日香",
        "アスカ",
        "明日カA",
        "김철수",
        "José",
    ] {
        assert_eq!(as_name(name).as_deref(), Ok(name));
    }
}

#[test]
fn a_name_is_kept_in_one_form() {
    assert_eq!(as_name("Ａｄａ"), Ok("Ada".into()), "full width");
    assert_eq!(as_name("Jose\u{301}"), Ok("José".into()), "decomposed");
    assert_eq!(as_name("ﬁ"), Ok("fi".into()), "a ligature");
}

#[test]
fn names_that_cannot_be_seen_are_no_names() {
    for name in
        ["", " ", "\u{3164}", "\u{115f}", "\u{1160}\u{ffa0}", "\u{200b}\u{2060}", "\u{2800}"]
    {
        assert_eq!(as_name(name), Err(RoleError::EmptyName), "{name:?}");
    }
    for name in
        ["Ada\u{3164}", "A\u{115f}da", "Ada\u{200b}", "Ada\u{202e}", "Ad\u{ad}a", "A\u{34f}da"]
    {
        assert_eq!(as_name(name), Err(RoleError::BadName), "{name:?}");
    }
}

#[test]
fn names_of_mixed_scripts_are_no_names() {
    // Cyrillic letters in Latin, Greek in Latin, Cyrillic in Greek, Cherokee.
    for name in ["Аda", "аdmin", "pαul", "Οлга", "ᎪᏴᏟ"] {
        assert_eq!(as_name(name), Err(RoleError::BadName), "{name:?}");
    }
}

#[test]
fn names_that_look_alike_are_the_same() {
    for (one, other) in [
        ("Ada", "ADA"),
        // All Cyrillic, and all Latin.
        ("сор", "cop"),
        ("bill", "bi11"),
        ("modern", "modem"),
        ("O0O", "ooo"),
    ] {
        assert_eq!(name_key(one), name_key(other), "{one} and {other}");
    }
    for (one, other) in [("ada", "ida"), ("bot 10", "bot 12"), ("明", "日")] {
        assert_ne!(name_key(one), name_key(other), "{one} and {other}");
    }
}

#[test]
fn long_names_are_refused_before_and_after_they_grow() {
    assert_eq!(as_name(&"x".repeat(24)), Ok("x".repeat(24)));
    assert_eq!(as_name(&"x".repeat(25)), Err(RoleError::LongName));
    assert_eq!(as_name(&"\u{fdfa}".repeat(2)), Err(RoleError::LongName), "36 characters in NFKC");
    assert_eq!(as_name(&"\u{fdfa}".repeat(1_000_000)), Err(RoleError::LongName));
}

#[test]
fn texts_that_turn_or_break_lines_are_refused_and_all_others_are_not() {
    for text in ["abc\u{202e}txt.exe", "\u{2066}a", "a\u{2069}", "a\u{2028}b", "a\nb", "a\u{85}b"] {
        assert_eq!(check_text(text), Err(RoleError::BadText), "{text:?}");
    }
    for text in ["\u{3164}", "\u{115f} \u{200b}", "\u{2800}"] {
        assert_eq!(check_text(text), Err(RoleError::EmptyText), "{text:?}");
    }
    // Hebrew with a mark, a family, a flag of England, a keycap.
    let england = "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}";
    for text in ["hello", "שלום\u{200f}!", "👩\u{200d}👩\u{200d}👧", england, "1\u{fe0f}\u{20e3}"]
    {
        assert_eq!(check_text(text), Ok(()), "{text:?}");
    }
    assert_eq!(check_text(&"x".repeat(201)), Err(RoleError::LongText));
}
