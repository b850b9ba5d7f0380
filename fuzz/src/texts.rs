//! Any text where a name or a number is expected, and as something to show: nothing panics, what is read is written back.

use guildhall_core::{AppId, Key, LogicAddr, outside, slot_of};

/// One input.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(id) = text.parse::<AppId>() {
        assert_eq!(id.to_string(), text);
    }
    if let Ok(addr) = text.parse::<LogicAddr>() {
        assert_eq!(addr.to_string(), text);
    }
    if let Ok(code) = guildhall_wire::packet::code_from_name(text).ok_or(()) {
        assert_eq!(guildhall_wire::packet::code_name(code), text);
    }
    let key = Key::from(text);
    assert_eq!(key.check().is_ok(), (1..=guildhall_core::KEY_LEN_MAX).contains(&text.len()));
    assert!(slot_of(text, 1024) < 1024);
    let shown = outside(text).to_string();
    // An escape has ten characters at most.
    assert!(shown.chars().count() <= 64 * 10 + 32, "{shown}");
    assert!(!shown.contains(char::is_control), "{shown:?}");
}
