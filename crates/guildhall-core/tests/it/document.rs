//! A document of settings over the files.

use guildhall_core::config::{Config, DOCUMENT_BYTES_MAX};
use serde::{Deserialize, Serialize};

const NAME: &str = "etcd://10.0.0.1:2379/game.toml";

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Shop {
    items: u32,
    owner: String,
    secret: String,
    open: bool,
}

fn shop(config: &Config) -> Result<Shop, String> {
    config.section("shop").map_err(|error| error.to_string())
}

#[test]
fn a_document_is_over_the_file_and_below_environment_and_flags() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("game.toml");
    std::fs::write(&path, "[shop]\nitems = 1\nowner = 'file'\nsecret = 'file'\nopen = true")
        .unwrap();
    let variable = [("GUILDHALL__SHOP__OWNER".to_owned(), "variable".to_owned())];
    let config = Config::builder().preset("shop.items", 9).file(&path).env(variable);
    let config = config.flag("shop.secret=flag").build().unwrap();
    let document = b"[shop]\nitems = 2\nowner = 'document'\nsecret = 'document'";
    let over = config.with_document(NAME, document).unwrap();
    let wanted =
        |items, open| Ok(Shop { items, owner: "variable".into(), secret: "flag".into(), open });
    assert_eq!(shop(&over), wanted(2, true));
    over.check_unclaimed().unwrap();
    assert_eq!(over.changed_since(&config), ["shop.items"]);

    std::fs::write(&path, "[shop]\nitems = 7").unwrap();
    let again = over.reread().unwrap();
    assert_eq!(shop(&again), wanted(2, false), "the document stays");
    let another = again.with_document(NAME, b"").unwrap();
    assert_eq!(shop(&another), wanted(7, false), "another one replaces it");
}

#[test]
fn what_is_wrong_with_a_document_is_an_error_that_names_it_and_nothing_in_it() {
    let config = Config::builder().build().unwrap();
    let large = vec![b' '; DOCUMENT_BYTES_MAX + 1];
    for (document, why) in [
        (&b"shop.owner = '\xff hush'"[..], "is not UTF-8 from byte 14 on"),
        (&large, "1048577 bytes; 1048576 are the most"),
        (b"[shop]\nitems = 1\nsecret = hush hush\n", "is not TOML: line 3: "),
        (b"[shop]\nsecret = 'hush", "is not TOML: line 2: "),
        (b"shop.items = 1\n[shop]\nsecret = 'hush'", "is not TOML: line 2: "),
        (b"app.config = 'etcd://u:hush@h/other'", "cannot name another"),
    ] {
        let error = config.with_document(NAME, document).unwrap_err();
        let said = error.to_string();
        assert_eq!(error.key, "app.config", "{said}");
        assert!(said.contains(NAME) && said.contains(why), "{said}");
        assert!(!said.contains("hush"), "{said}");
    }
    assert!(config.with_document(NAME, &large[1..]).is_ok());
    let unknown = config.with_document(NAME, b"[shop]\nitem = 1\n[shap]").unwrap();
    let error = shop(&unknown).unwrap_err();
    assert!(
        error.contains("`shop.item` in etcd://10.0.0.1") && error.contains("shop.items"),
        "{error}"
    );
    let error = unknown.check_unclaimed().unwrap_err().to_string();
    assert!(error.contains("`shap` in etcd://10.0.0.1"), "{error}");
    let wrong = config.with_document(NAME, b"shop.items = 'hush'").unwrap();
    let error = shop(&wrong).unwrap_err();
    assert!(
        error.contains(NAME) && error.contains("an integer") && !error.contains("hush"),
        "{error}"
    );
}

#[test]
fn a_document_cannot_change_what_the_program_has_read_before_it() {
    let config = Config::builder().build().unwrap();
    shop(&config).unwrap();
    let error = config.with_document(NAME, b"[shop]\nitems = 1").unwrap_err();
    assert_eq!(error.key, "shop");
    assert!(error.to_string().contains("before the document"), "{error}");
    let first = config.with_document(NAME, b"[other]\nitems = 1").unwrap();
    let second = first.with_document(NAME, b"[shop]\nitems = 2").unwrap();
    assert_eq!(shop(&second).unwrap().items, 2, "at a reload, it has been read, and is read again");
}
