//! Keys that come back, and those that are not taken.

use guildhall_core::Incarnation;
use guildhall_core::store::Holder;

use super::{Key, NAME_MAX};

fn holder() -> Holder {
    Holder { app: "dev.w1.role.10".parse().unwrap(), incarnation: Incarnation(u64::MAX) }
}

#[test]
fn every_id_is_a_key_of_its_own_and_comes_back() {
    let ids = ["role/1", "user//ä.b", "a.b", "a=2eb", "*", ">", " ", "$", "A-b_c", "\0", "s.x"];
    for id in ids {
        let key = Key::lease(id).unwrap();
        assert!(key[2..].chars().all(|c| c.is_ascii_alphanumeric() || "-/=".contains(c)), "{key}");
        assert_eq!(Key::read(&key), Key::Lease(id.into()), "{key}");
    }
    assert_eq!(Key::read(&Key::session(&holder())), Key::Session(holder()));
    assert!(Key::lease(&"x".repeat(NAME_MAX + 1)).is_err() && Key::lease("").is_err());
}

#[test]
fn keys_that_are_written_in_another_way_are_nobodys() {
    for key in [
        "",
        "l",
        "l.",
        "l.a.b",
        "l.=",
        "l.=2",
        "l.=zz",
        "l.=61",
        "l.=2E",
        "l.=ff",
        "s.",
        "s.dev.w1.role.1",
        "s.dev.w1.role.1.+f",
        "s.dev.w1.role.1.0f",
        "s.dev.w1.role.01.f.f",
        "x.1",
    ] {
        assert_eq!(Key::read(key), Key::Other, "{key}");
    }
}
