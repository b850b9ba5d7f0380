//! Layers, coercion of text, and errors that say what to do.

use std::collections::BTreeMap;

use guildhall_core::config::{Config, ConfigBuilder};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Link {
    listen: String,
    window: u32,
    share: f64,
    tls: bool,
    origins: Vec<String>,
    secret: Option<String>,
    limits: Limits,
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Limits {
    frame_bytes: u16,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:7000".into(),
            window: 32,
            share: 1.0,
            tls: false,
            origins: Vec::new(),
            secret: None,
            limits: Limits { frame_bytes: 1024 },
            labels: BTreeMap::new(),
        }
    }
}

fn file(text: &str) -> (tempfile::TempDir, ConfigBuilder) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("guildhall.toml"), text).unwrap();
    let builder = Config::builder().file(dir.path().join("guildhall.toml"));
    (dir, builder)
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect()
}

fn link(builder: ConfigBuilder) -> Result<Link, String> {
    builder.build().and_then(|config| config.section("link")).map_err(|e| e.to_string())
}

#[test]
fn nothing_set_gives_the_defaults() {
    assert_eq!(link(Config::builder()), Ok(Link::default()));
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let (_dir, builder) =
        file("[link]\nlisten = 'file'\nwindow = 1\n[link.limits]\nframe_bytes = 1");
    let env = variables(&[
        ("GUILDHALL__LINK__WINDOW", "2"),
        ("GUILDHALL__LINK__LIMITS__FRAME_BYTES", "2"),
        ("PATH", "x"),
    ]);
    let link = link(builder.flag("link.limits.frame_bytes=3").env(env)).unwrap();
    assert_eq!((link.listen.as_str(), link.window, link.limits.frame_bytes), ("file", 2, 3));
}

#[test]
fn text_becomes_what_the_field_needs() {
    let builder = Config::builder()
        .flag("link.listen=7000")
        .flag("link.share=2")
        .flag("link.tls=true")
        .flag("link.origins=[\"a\", \"b\"]")
        .flag("link.secret=123456")
        .flag("link.labels.zone=1");
    let link = link(builder).unwrap();
    assert_eq!((link.listen.as_str(), link.share, link.tls), ("7000", 2.0, true));
    assert_eq!(link.origins, ["a", "b"]);
    assert_eq!(link.secret.as_deref(), Some("123456"));
    assert_eq!(link.labels["zone"], "1");
}

#[test]
fn quotes_around_text_are_not_part_of_it() {
    assert_eq!(link(Config::builder().flag("link.listen=\"7000\"")).unwrap().listen, "7000");
}

#[test]
fn free_form_tables_take_any_keys() {
    let (_dir, builder) = file("[link.labels]\nzone = 'eu'\n'rack.row' = 'b'");
    let labels = link(builder).unwrap().labels;
    assert_eq!((labels["zone"].as_str(), labels["rack.row"].as_str()), ("eu", "b"));
}

#[test]
fn an_unknown_key_in_a_file_names_the_nearest() {
    let (dir, builder) = file("[link]\nlisen = 'x'");
    let path = dir.path().join("guildhall.toml").display().to_string();
    let error = link(builder).unwrap_err();
    assert_eq!(error, format!("unknown key `link.lisen` in {path}; did you mean `link.listen`?"));
}

#[test]
fn an_unknown_key_far_from_all_lists_the_known_ones() {
    let error = link(Config::builder().flag("link.colour_of_the_roof=red")).unwrap_err();
    assert!(error.contains("in the flag `--set link.colour_of_the_roof=..`; known are"), "{error}");
    assert!(error.contains("`link.limits.frame_bytes`"), "{error}");
}

#[test]
fn a_value_of_the_wrong_kind_names_key_origin_kind_and_value() {
    let env = variables(&[("GUILDHALL__LINK__WINDOW", "many")]);
    let error = link(Config::builder().env(env)).unwrap_err();
    assert_eq!(
        error,
        "`link.window` in the environment variable GUILDHALL__LINK__WINDOW must be an integer, not \"many\""
    );
    let error = link(Config::builder().set("link.listen", 7000)).unwrap_err();
    assert_eq!(error, "`link.listen` set by the program must be a string, not 7000");
    let error = link(Config::builder().flag("link.window.size=3")).unwrap_err();
    assert_eq!(
        error,
        "`link.window` in the flag `--set link.window.size=..` must be an integer, not a table"
    );
}

#[test]
fn a_number_out_of_range_names_its_key() {
    let error = link(Config::builder().set("link.limits.frame_bytes", 70_000)).unwrap_err();
    assert!(
        error.starts_with("`link.limits.frame_bytes` set by the program does not fit:"),
        "{error}"
    );
    assert!(error.contains("70000"), "{error}");
}

#[test]
fn a_section_that_is_a_value_is_refused() {
    let error = link(Config::builder().set("link", 3)).unwrap_err();
    assert_eq!(error, "`link` set by the program must be a table, not 3");
}

#[test]
fn a_section_nobody_asked_for_is_refused() {
    let config = Config::builder().set("lnik.window", 3).build().unwrap();
    let _: Link = config.section("link").unwrap();
    let error = config.check_unclaimed().unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown section `lnik` set by the program; did you mean `link`?"
    );
    assert_eq!(error.key, "lnik");
}

#[test]
fn sections_within_sections_are_claimed_each_for_itself() {
    let builder = Config::builder().set("actor.player.window", 3).set("actor.palyer.window", 4);
    let config = builder.build().unwrap();
    let player: Link = config.section("actor.player").unwrap();
    assert_eq!(player.window, 3);
    let error = config.check_unclaimed().unwrap_err().to_string();
    assert!(error.contains("`actor.palyer`") && error.contains("`actor.player`?"), "{error}");
}

#[test]
fn a_claimed_section_is_no_part_of_the_one_around_it() {
    let config =
        Config::builder().flag("link.window=7").flag("link.east.window=8").build().unwrap();
    config.claim("link.east");
    let around: Link = config.section("link").unwrap();
    let east: Link = config.section_over("link.east", &around).unwrap();
    assert_eq!((around.window, east.window), (7, 8));
    config.check_unclaimed().unwrap();
    let config = Config::builder().flag("link.eats.window=8").build().unwrap();
    config.claim("link.east");
    let error = config.section::<Link>("link").unwrap_err().to_string();
    assert!(error.contains("`link.eats`") && error.contains("`link.east`"), "{error}");
}

#[test]
fn the_program_may_choose_the_defaults() {
    let config = Config::builder().set("link.window", 3).build().unwrap();
    let defaults = Link { listen: "own".into(), ..Link::default() };
    let link = config.section_over("link", &defaults).unwrap();
    assert_eq!((link.listen.as_str(), link.window), ("own", 3));
}

#[test]
fn a_missing_file_is_an_error_unless_optional() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("none.toml");
    assert!(Config::builder().optional_file(&path).build().is_ok());
    let error = Config::builder().file(&path).build().unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot read {}", path.display())), "{error}");
}

#[test]
fn a_broken_file_is_shown_by_line() {
    let (_dir, builder) = file("[link]\nwindow = = 3");
    let error = builder.build().unwrap_err().to_string();
    assert!(error.contains("guildhall.toml") && error.contains("line 2"), "{error}");
}

#[test]
fn a_key_with_an_empty_part_is_refused() {
    for flag in ["=3", "link..window=3", ".=1", "link."] {
        assert!(Config::builder().flag(flag).build().is_err(), "{flag}");
    }
}

#[test]
fn flags_are_taken_and_other_arguments_returned() {
    let (dir, _) = file("[link]\nwindow = 5");
    let path = dir.path().join("guildhall.toml").display().to_string();
    let args = [
        "run",
        "--config",
        &path,
        "--set",
        "link.tls=true",
        "--set=link.listen=a=b",
        "-v",
        "--",
        "--set",
    ];
    let (config, rest) = Config::load(args.map(String::from), []).unwrap();
    let link: Link = config.section("link").unwrap();
    assert_eq!((link.window, link.tls, link.listen.as_str()), (5, true, "a=b"));
    assert_eq!(rest, ["run", "-v", "--set"]);
}

#[test]
fn a_flag_without_its_value_is_refused() {
    let error = Config::load(["--set".to_owned()], []).unwrap_err().to_string();
    assert_eq!(error, "a flag has no value; write `--set key=value`");
}

#[test]
fn debug_output_shows_no_values() {
    let config = Config::builder().set("link.secret", "hunter2").build().unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn a_preset_is_over_the_defaults_and_under_everything_else() {
    let (config, rest) = Config::builder()
        .preset("link.listen", "127.0.0.1:7000")
        .preset("nobody.asks", 1)
        .args(["--set".to_owned(), "link.window=7".to_owned(), "bots".to_owned()])
        .unwrap();
    let link: Link = config.section("link").unwrap();
    assert_eq!((link.listen.as_str(), link.window), ("127.0.0.1:7000", 7));
    assert_eq!(rest, ["bots"]);
    config.check_unclaimed().unwrap();
    let config = Config::builder().preset("link.window", 5).set("link.window", 6).build().unwrap();
    assert_eq!(config.section::<Link>("link").unwrap().window, 6);
}

#[test]
fn a_quoted_name_with_dots_is_the_same_section_as_tables_in_tables() {
    let (_dir, builder) = file("[limits.\"game.Role/PowerUp\"]\nframe_bytes = 7\n");
    let config = builder.build().unwrap();
    config.claim("limits.game.Role/PowerUp");
    let defaults = Limits { frame_bytes: 0 };
    let all: Result<Limits, _> = config.section_over("limits", &defaults);
    assert_eq!(all.unwrap(), defaults, "it is no part of the section around it");
    let limits: Limits = config.section_over("limits.game.Role/PowerUp", &defaults).unwrap();
    assert_eq!(limits.frame_bytes, 7);
    let config = Config::builder().flag("limits.game.Role/PowerUp.frame_bytes=8").build().unwrap();
    config.claim("limits.game.Role/PowerUp");
    let _all: Limits = config.section_over("limits", &defaults).unwrap();
    let limits: Limits = config.section_over("limits.game.Role/PowerUp", &defaults).unwrap();
    assert_eq!(limits.frame_bytes, 8);
}

#[test]
fn a_section_that_nobody_claimed_is_an_error_also_in_a_table_with_others() {
    for text in ["[limits.\"game.Rolle\"]\nx = 1\n", "[limits.game.Rolle]\nx = 1\n"] {
        let (_dir, builder) = file(text);
        let config = builder.build().unwrap();
        config.claim("limits.game.Role");
        let read: Result<Limits, _> = config.section_over("limits", &Limits { frame_bytes: 0 });
        let error = read.unwrap_err().to_string();
        assert!(error.contains("did you mean `limits.game.Role`?"), "{error}");
    }
}

#[test]
fn read_once_more_it_says_which_keys_have_changed() {
    let (dir, builder) = file("[link]\nwindow = 1\ntls = true\n");
    let before = builder.flag("link.share=0.5").build().unwrap();
    let _claimed: Link = before.section("link").unwrap();
    std::fs::write(dir.path().join("guildhall.toml"), "[link]\nwindow = 2\nshare = 0.1\n").unwrap();
    let after = before.reread().unwrap();
    assert_eq!(after.changed_since(&before), ["link.tls", "link.window"], "the flag still wins");
    assert_eq!(after.section::<Link>("link").unwrap().window, 2);
    assert_eq!(before.section::<Link>("link").unwrap().window, 1);
    after.check_unclaimed().unwrap();
    std::fs::write(dir.path().join("guildhall.toml"), "[lnk]\nwindow = 2\n").unwrap();
    let error = before.reread().unwrap().check_unclaimed().unwrap_err().to_string();
    assert!(error.contains("did you mean `link`?"), "{error}");
    std::fs::write(dir.path().join("guildhall.toml"), "[link\n").unwrap();
    let error = before.reread().unwrap_err().to_string();
    assert!(error.contains("guildhall.toml") && error.contains("line 1"), "{error}");
}
