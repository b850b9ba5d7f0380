//! Addresses are parsed by type, and never by guess.

use guildhall_core::{Address, AppId, LogicAddr};

#[test]
fn a_logic_address_has_one_text() {
    for text in ["1.1.0", "1.2.3", "4095.255.4095"] {
        assert_eq!(text.parse::<LogicAddr>().unwrap().to_string(), text);
    }
    let wrong = [
        "",
        "1.2",
        "1.2.3.4",
        "01.2.3",
        "+1.2.3",
        "1.2.3 ",
        "1.2.",
        "1.2.x",
        "66051",
        "0x10.2.3",
        "0.2.3",
        "1.0.3",
        "4096.2.3",
        "1.256.3",
        "1.2.4096",
        "w1.role.2",
    ];
    for text in wrong {
        let error = text.parse::<LogicAddr>().expect_err(text).to_string();
        assert!(error.contains("cluster.type.server"), "{error}");
    }
}

#[test]
fn no_text_is_an_app_id_and_a_logic_address() {
    for text in ["dev.w1.role.2", "1.2.3.4", "1.2.3", "w1.role.2"] {
        let (id, addr) = (text.parse::<AppId>(), text.parse::<LogicAddr>());
        assert!(id.is_err() || addr.is_err(), "{text} is both");
    }
    let (id, addr) = ("1.2.3.4".parse::<AppId>().unwrap(), "1.2.3".parse::<LogicAddr>().unwrap());
    assert_eq!((Address::from(&id), Address::from(addr)), (Address::App(id), Address::Logic(addr)));
}

#[test]
fn ids_have_one_order_whatever_their_labels_are() {
    let insts = [
        "0",
        "2",
        "02",
        "10",
        "1a",
        "a",
        "a-1",
        "-",
        "99999999999999999999",
        "18446744073709551615",
    ];
    let funcs = ["a", "a-b", "b", "1"];
    let ids = funcs.iter().flat_map(|func| insts.map(|inst| format!("dev.w.{func}.{inst}")));
    let ids: Vec<AppId> = ids.map(|id| id.parse().unwrap()).collect();
    for (a, b) in ids.iter().flat_map(|a| ids.iter().map(move |b| (a, b))) {
        assert_eq!(a.cmp(b), b.cmp(a).reverse(), "{a}, {b}");
        assert_eq!(a.cmp(b).is_eq(), a == b, "{a}, {b}");
        for c in ids.iter().filter(|c| a < b && b < *c) {
            assert!(a < c, "{a}, {b}, {c}");
        }
    }
    let of = |texts: [&str; 4]| texts.map(|text| text.parse::<AppId>().unwrap());
    let ordered = of(["dev.w.a.2", "dev.w.a.10", "dev.w.a.1a", "dev.w.a-b.1"]);
    assert!(ordered.is_sorted());
}
