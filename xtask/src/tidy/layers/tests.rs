//! Planted crates: each has one thing wrong.

use std::fs;
use std::path::Path;

use super::findings::{Findings, IN_FOLDERS, LINES_MAX, LOOSE_MAX, MEDIAN_END};

/// The findings in a crate of these files.
fn planted(krate: &str, sources: &[(&str, &str)]) -> Findings {
    let folder = tempfile::tempdir().expect("a folder");
    let mut files = Vec::new();
    for (name, text) in sources {
        let file = Path::new(krate).join("src").join(name);
        let path = folder.path().join(&file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("make it");
        fs::write(path, text).expect("write it");
        files.push(file);
    }
    Findings::of(folder.path(), krate, &files).expect("it can be read")
}

fn upward(sources: &[(&str, &str)]) -> Vec<String> {
    planted("a", sources).upward
}

const TWO: &str = "mod low;\nmod high;\n";

#[test]
fn an_import_of_a_module_that_is_declared_later_is_upward() {
    let high = ("high.rs", "use crate::low::Low;\npub struct High(Low);");
    let low = ("low.rs", "//! Low.\n\npub struct Low;");
    assert!(upward(&[("lib.rs", TWO), low, high]).is_empty());
    let ways = [
        "\n\nuse crate::high::High;",
        "\n\nuse super::high::{self, High};",
        "\n\nfn f(high: crate::high::High) {}",
        "\n\nfn f() { let x = super::high::High::new(); }",
        "use super::high;\n\nfn f() { high::f(); }",
        "\n\nfn f() { g!({ crate::high::High }) }",
        "// ' \" /* \n/* crate::no::No \" */\nfn f<'a>() -> char { use crate::high::High; '\"' }",
    ];
    for way in ways {
        let found = upward(&[("lib.rs", TWO), ("low.rs", way), ("high.rs", "pub struct High;")]);
        assert_eq!(found.len(), 1, "{way}: {found:?}");
        assert!(found[0].starts_with("a/src/low.rs:3: imports a/src/high.rs"), "{found:?}");
    }
}

#[test]
fn a_name_that_the_root_passes_on_is_imported_from_where_it_is_defined() {
    let root = "mod low;\nmod high;\npub use high::inner::High;\npub struct Root;";
    let high = [("high.rs", "pub mod inner;"), ("high/inner.rs", "pub struct High;")];
    let low = ("low.rs", "use crate::{High, Root};");
    let found = upward(&[("lib.rs", root), low, high[0], high[1]]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("low.rs:1: imports a/src/high/inner.rs"), "{found:?}");
}

#[test]
fn a_module_and_what_is_within_it_are_one_layer_and_its_parts_are_not() {
    let root = ("lib.rs", "mod whole;");
    let whole = ("whole.rs", "mod a;\nmod b;\npub use b::B;\npub struct Whole;\nfn f(b: a::A) {}");
    let b = ("whole/b.rs", "use super::Whole;\nuse super::a::A;\npub struct B;");
    assert!(
        upward(&[root, whole, ("whole/a.rs", "pub struct A;\nuse super::Whole;"), b]).is_empty()
    );
    let a = ("whole/a.rs", "pub struct A;\nuse super::B;");
    assert_eq!(upward(&[root, whole, a, b]).len(), 1);
}

#[test]
fn tests_and_text_may_name_what_they_like() {
    let low =
        "#[cfg(test)]\nmod tests { use crate::high::High; }\n#[cfg(test)]\nuse crate::high::H;
        const T: &str = \"crate::high::High\"; // crate::high::High
        const R: &str = r#\"crate::high::\"High\"#;";
    assert!(upward(&[("lib.rs", TWO), ("low.rs", low), ("high.rs", "struct High;")]).is_empty());
}

#[test]
fn a_circle_of_four_files_is_one_too_many() {
    let parts = |count: usize| -> Findings {
        let names = ["a", "b", "c", "d"];
        let names = &names[..count];
        let files: Vec<(String, String)> = (0..count)
            .map(|at| {
                let next = names[(at + 1) % count];
                (format!("{}.rs", names[at]), format!("use crate::{next}::S; pub struct S;"))
            })
            .collect();
        let root: String = names.iter().map(|name| format!("mod {name};\n")).collect();
        let mut sources = vec![("lib.rs", root.as_str())];
        sources.extend(files.iter().map(|(name, text)| (name.as_str(), text.as_str())));
        planted("a", &sources)
    };
    let (three, four) = (parts(3), parts(4));
    assert_eq!((three.circled, three.small_circles), (0, 1));
    assert_eq!((four.circled, four.small_circles), (4, 0));
    assert!(four.circles[0].contains("a/src/c.rs -> a/src/d.rs"), "{}", four.circles[0]);
}

#[test]
fn a_folder_that_passes_a_name_on_makes_no_circle() {
    let whole =
        "mod a;\nmod b;\nmod c;\npub use a::A;\npub use b::B;\npub use c::C;\npub struct W;";
    let part = |name: &str| format!("use super::W;\npub struct {name};");
    let (a, b, c) = (part("A"), part("B"), part("C"));
    let parts = [("whole/a.rs", &*a), ("whole/b.rs", &b), ("whole/c.rs", &c)];
    let found =
        planted("a", &[&[("lib.rs", "mod whole;"), ("whole.rs", whole)], &parts[..]].concat());
    assert_eq!((found.circled, found.small_circles), (0, 0), "{:?}", found.circles);
    let whole = whole.replace("struct W", "struct W(A, B, C)");
    let found =
        planted("a", &[&[("lib.rs", "mod whole;"), ("whole.rs", &whole)], &parts[..]].concat());
    assert_eq!(found.circled, 4);
}

#[test]
fn a_long_file_is_wrong_unless_it_is_a_test_or_generated() {
    let long = "\n".repeat(LINES_MAX + 1);
    let long = |name| planted("a", &[("lib.rs", ""), (name, &long)]).long.len();
    assert_eq!(long("long.rs"), 1);
    assert_eq!(long("long/tests.rs") + long("generated/long.rs"), 0);
}

#[test]
fn a_crate_whose_files_are_long_in_the_median_is_wrong() {
    let of = |lines: usize| {
        let text = "\n".repeat(lines);
        let files = [("lib.rs", ""), ("a.rs", &*text), ("b.rs", &*text), ("c/tests.rs", "")];
        planted("a", &files)
    };
    assert_eq!(of(MEDIAN_END - 1).counts()[4], 0);
    let found = of(MEDIAN_END + 1);
    assert_eq!((found.counts()[4], found.lines(4).len()), (2, 1));
}

#[test]
fn files_beside_the_folders_of_the_largest_crate_are_bounded() {
    let names: Vec<String> = (0..=LOOSE_MAX).map(|at| format!("f{at}.rs")).collect();
    let mut sources: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    assert_eq!(planted(IN_FOLDERS, &sources).loose.len(), 1);
    sources[0].0 = "folder/f.rs";
    assert_eq!(planted(IN_FOLDERS, &sources).loose.len(), 0);
}

#[test]
fn more_than_the_list_allows_is_wrong_and_so_is_less() {
    let high = ("high.rs", "pub struct High;");
    let found = planted("a", &[("lib.rs", TWO), ("low.rs", "use crate::high::High;"), high]);
    assert!(super::beyond("a", &found, [1, 0, 0, 0, 0]).is_empty());
    assert_eq!(super::beyond("a", &found, [0; 5]).len(), 2);
    assert_eq!(super::beyond("a", &found, [2, 0, 0, 0, 0]).len(), 1);
}
