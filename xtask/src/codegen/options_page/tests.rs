//! Makes the page of a small options.proto in a folder of its own.

use std::fs;
use std::path::Path;

use super::{INCLUDE, PAGE, PROTO, bring_up_to_date};

const OPTIONS: &str = r#"syntax = "proto3";
package guildhall;
import "google/protobuf/descriptor.proto";
extend google.protobuf.ServiceOptions {
  // Options of a service.
  ServiceOptions service = 51001;
}
message ServiceOptions {
  // How calls share
  // state.
  Model model = 1;
}
// A model.
enum Model {
  // In parallel.
  CONCURRENT = 0;
  // One at a time.
  SERIAL = 1;
}
"#;

fn with_options(text: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), &format!("{INCLUDE}/{PROTO}"), text);
    write(root.path(), PAGE, "");
    root
}

fn write(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn the_page_has_each_option_with_its_comment_and_the_values_of_its_enums() {
    let root = with_options(OPTIONS);
    bring_up_to_date(root.path(), false).unwrap();
    let page = fs::read_to_string(root.path().join(PAGE)).unwrap();
    for part in [
        "## `(guildhall.service)`\n\nOptions of a service.\n",
        "| `model` | [`Model`](#model) | How calls share state. |\n",
        "### `Model`\n\nA model.\n",
        "| `CONCURRENT` (default) | In parallel. |\n| `SERIAL` | One at a time. |\n",
    ] {
        assert!(page.contains(part), "no {part:?} in\n{page}");
    }
}

#[test]
fn a_stale_page_of_options_fails_the_check_and_is_left_alone() {
    let root = with_options(OPTIONS);
    bring_up_to_date(root.path(), false).unwrap();
    bring_up_to_date(root.path(), true).expect("it was just made");
    let made = fs::read_to_string(root.path().join(PAGE)).unwrap();
    write(root.path(), &format!("{INCLUDE}/{PROTO}"), &OPTIONS.replace("parallel", "turn"));
    let error = bring_up_to_date(root.path(), true).unwrap_err().to_string();
    assert!(error.contains(PAGE) && error.contains("cargo xtask codegen"), "{error}");
    assert_eq!(fs::read_to_string(root.path().join(PAGE)).unwrap(), made);
}

#[test]
fn an_option_without_a_comment_is_an_error_that_names_it() {
    let root = with_options(&OPTIONS.replace("  // One at a time.\n", ""));
    let error = bring_up_to_date(root.path(), false).unwrap_err().to_string();
    assert!(error.contains("`SERIAL` has no comment"), "{error}");
}
