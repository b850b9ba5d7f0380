//! `docs/config.md`, and the page of the demo's settings, are made from the types that programs read their configuration with: every
//! key, its default, what it means.
//!
//! A section is a struct whose doc begins with its name: ``/// `[link]`: connections between apps.``. Its keys are the fields, their
//! meaning the fields' docs, their defaults what its `impl Default` writes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use syn::{Expr, Item, Member};

/// A page, and where the types of its sections are.
struct Page {
    path: &'static str,
    head: &'static str,
    places: &'static [&'static str],
}

const PAGES: [Page; 2] = [
    Page { path: "docs/config.md", head: HEAD, places: &["crates/", "plugins/", "apps/"] },
    Page { path: "docs/guide/demo-settings.md", head: DEMO_HEAD, places: &["demo/src/"] },
];

const DEMO_HEAD: &str = "# Settings of the demo

Made by `cargo xtask tidy --fix` from the types that read it; do not edit.

These are in addition to the settings of every app, [config.md](../config.md). The demo has its own defaults for some of those: `presets`
in `demo/src/serve.rs`.
";

const HEAD: &str = "# Configuration

Made by `cargo xtask tidy --fix` from the types that read it; do not edit.

A program reads `guildhall.toml` (or `--config FILE`). The environment overrides the file (`GUILDHALL__LINK__LISTEN=...` is `link.listen`),
and `--set key=value` overrides both. `app.config` names a further document of settings that a backend keeps (etcd): it overrides the file, and
is overridden by environment and flags. File and document are read at the start and at a reload (SIGHUP, `guildhall reload`), and never by
themselves; what may change at a reload says so below. What a program reads before its app starts cannot be set in the document, which is an
error at the start; nor does the command `guildhall` read it to find a cluster. An unknown key is an error that names the nearest known key.
`_ms` is milliseconds; sizes are bytes.
\"One more is `OVERLOADED`\" means that the call or operation beyond the bound fails at once with that reason.
";

pub(super) fn check(root: &Path, files: &[PathBuf]) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for page in &PAGES {
        let committed = std::fs::read_to_string(root.join(page.path)).unwrap_or_default();
        if committed != text(page, root, files)? {
            let mend = "is not what the config types say; run `cargo xtask tidy --fix`";
            wrong.push(format!("{}:1: {mend}", page.path));
        }
    }
    Ok(wrong)
}

/// Writes what `check` wants.
pub(super) fn fix(root: &Path, files: &[PathBuf]) -> Result<()> {
    PAGES.iter().try_for_each(|page| {
        let path = root.join(page.path);
        std::fs::write(path, text(page, root, files)?)
            .with_context(|| format!("write {}", page.path))
    })
}

struct Section {
    title: String,
    about: String,
    /// Name, default, meaning.
    keys: Vec<(String, String, String)>,
}

fn text(page: &Page, root: &Path, files: &[PathBuf]) -> Result<String> {
    let mut sections = Vec::new();
    let is_in = |file: &str| {
        page.places.iter().any(|place| file.starts_with(place)) && !file.contains("/tests/")
    };
    for file in files.iter().filter_map(|file| file.to_str()).filter(|file| is_in(file)) {
        if !file.ends_with(".rs") {
            continue;
        }
        let text = std::fs::read_to_string(root.join(file))?;
        if text.contains("/// `[") {
            let parsed = syn::parse_file(&text).with_context(|| format!("parse {file}"))?;
            sections.extend(sections_of(&parsed));
        }
    }
    // `[[limits.rates]]` behind `[limits]`.
    let order = |section: &Section| section.title.trim_start_matches(['`', '[']).to_owned();
    sections.sort_by_key(order);
    let mut page = page.head.to_owned();
    for Section { title, about, keys } in sections {
        let about = if about.is_empty() { about } else { format!("{about}\n\n") };
        write!(page, "\n## {title}\n\n{about}| key | default | |\n|---|---|---|\n")?;
        for (name, default, about) in keys {
            writeln!(page, "| `{name}` | {default} | {about} |")?;
        }
    }
    Ok(page)
}

/// The sections of a file.
fn sections_of(file: &syn::File) -> Vec<Section> {
    let defaults: BTreeMap<String, BTreeMap<String, String>> =
        file.items.iter().filter_map(defaults_of).collect();
    let structs = file.items.iter().filter_map(|item| match item {
        Item::Struct(item) => Some(item),
        _ => None,
    });
    let section = |item: &syn::ItemStruct| {
        let doc = doc_of(&item.attrs);
        let (title, about) = doc.strip_prefix("`[").map(|_| split_title(&doc))?;
        let defaults = defaults.get(&item.ident.to_string());
        let default = |name: &str, kind: &syn::Type| {
            let written = defaults.and_then(|all| all.get(name)).cloned();
            written.unwrap_or_else(|| derived(kind))
        };
        let keys = item.fields.iter().filter_map(|field| {
            let name = field.ident.as_ref()?.to_string();
            let about = doc_of(&field.attrs);
            // A table within it is a section of its own.
            (!about.starts_with("`[")).then(|| (name.clone(), default(&name, &field.ty), about))
        });
        Some(Section { title, about, keys: keys.collect() })
    };
    structs.filter_map(section).collect()
}

/// What `#[derive(Default)]` makes of a type.
fn derived(kind: &syn::Type) -> String {
    let syn::Type::Path(path) = kind else { return String::new() };
    let name = path.path.segments.last().map(|segment| segment.ident.to_string());
    let default = match name.unwrap_or_default().as_str() {
        "Vec" => "[]",
        "String" => "\"\"",
        "bool" => "false",
        "BTreeMap" => "{}",
        _ => "0",
    };
    format!("`{default}`")
}

/// `` `[save]`: how it saves. `` is the title `` `[save]` `` and what follows.
fn split_title(doc: &str) -> (String, String) {
    let end = doc.rfind("]`").map_or(doc.len(), |at| at + 2);
    let (title, about) = doc.split_at(end);
    let about = about.trim_start_matches([':', '.', ',']).trim();
    let mut letters = about.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    (title.to_owned(), first.unwrap_or_default() + letters.as_str())
}

/// The doc of an item on one line.
fn doc_of(attrs: &[syn::Attribute]) -> String {
    let lines = attrs.iter().filter_map(|attr| match &attr.meta {
        syn::Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    let text: Vec<String> = lines.map(|line| line.trim().to_owned()).collect();
    text.join(" ").trim().replace('|', "\\|")
}

/// The fields that an `impl Default` sets, if that is what the item is.
fn defaults_of(item: &Item) -> Option<(String, BTreeMap<String, String>)> {
    let Item::Impl(item) = item else { return None };
    if !item.trait_.as_ref()?.1.is_ident("Default") {
        return None;
    }
    let syn::Type::Path(name) = &*item.self_ty else { return None };
    let name = name.path.get_ident()?.to_string();
    let function = item.items.iter().find_map(|item| match item {
        syn::ImplItem::Fn(function) => Some(function),
        _ => None,
    })?;
    let Some(syn::Stmt::Expr(Expr::Struct(value), None)) = function.block.stmts.last() else {
        return None;
    };
    let fields = value.fields.iter().filter_map(|field| match &field.member {
        Member::Named(name) => Some((name.to_string(), shown(&field.expr))),
        Member::Unnamed(_) => None,
    });
    Some((name, fields.collect()))
}

/// A default as TOML writes it; code that is no plain value stays code.
fn shown(value: &Expr) -> String {
    if let Some(number) = number(value) {
        return format!("`{number}`");
    }
    match value {
        Expr::Lit(literal) => match &literal.lit {
            syn::Lit::Bool(yes) => format!("`{}`", yes.value),
            syn::Lit::Str(text) => format!("`\"{}\"`", text.value()),
            syn::Lit::Float(number) => format!("`{}`", number.base10_digits()),
            other => format!(
                "`{}`",
                code(&Expr::Lit(syn::ExprLit { attrs: Vec::new(), lit: other.clone() }))
            ),
        },
        // "text".into(), "text".to_owned()
        Expr::MethodCall(call) => shown(&call.receiver),
        Expr::Call(call) => match code(&call.func).as_str() {
            "String::new" => "`\"\"`".into(),
            "Vec::new" => "`[]`".into(),
            "BTreeMap::new" => "`{}`".into(),
            "String::from" | "Some" => call.args.first().map(shown).unwrap_or_default(),
            _ => format!("`{}`", code(value)),
        },
        Expr::Path(path) if path.path.is_ident("None") => "none".into(),
        // `BreakerKind::ErrorRatio` is read from "error_ratio".
        Expr::Path(path) if path.path.segments.len() == 2 => {
            format!("`\"{}\"`", snake(&path.path.segments[1].ident.to_string()))
        }
        Expr::Macro(list) if list.mac.path.is_ident("vec") => {
            let items = syn::punctuated::Punctuated::<Expr, syn::Token![,]>::parse_terminated;
            let items = list.mac.parse_body_with(items).unwrap_or_default();
            let items = items.iter().map(|item| shown(item).replace('`', ""));
            format!("`[{}]`", items.collect::<Vec<_>>().join(", "))
        }
        _ => format!("`{}`", code(value)),
    }
}

/// The name of an enum's variant in TOML.
fn snake(variant: &str) -> String {
    let mut name = String::new();
    for letter in variant.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

fn number(value: &Expr) -> Option<u128> {
    match value {
        Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(number), .. }) => number.base10_parse().ok(),
        Expr::Paren(inner) => number(&inner.expr),
        Expr::Binary(pair) => {
            let (left, right) = (number(&pair.left)?, number(&pair.right)?);
            match pair.op {
                syn::BinOp::Shl(_) => Some(left << right),
                syn::BinOp::Mul(_) => Some(left * right),
                syn::BinOp::Add(_) => Some(left + right),
                _ => None,
            }
        }
        _ => None,
    }
}

/// An expression as it is written.
fn code(value: &Expr) -> String {
    let file: syn::File = syn::parse_quote!(const X: () = #value;);
    let text = prettyplease::unparse(&file);
    text.trim().trim_start_matches("const X: () = ").trim_end_matches(';').to_owned()
}

#[cfg(test)]
mod tests {
    use super::sections_of;

    #[test]
    fn a_struct_that_names_a_section_is_one_with_its_defaults() {
        let file = syn::parse_str(
            "/// `[save]`: how it saves.
             struct Save {
                 /// Largest batch.
                 batch_max: usize,
                 /// Where to.
                 to: String,
                 /// When.
                 mode: Mode,
             }
             impl Default for Save {
                 fn default() -> Self { Self { batch_max: 4 << 10, to: \"disk\".into(), mode: Mode::AtExit } }
             }
             /// Another thing.
             struct Other { a: u32 }",
        )
        .expect("it parses");
        let sections = sections_of(&file);
        assert_eq!(sections.len(), 1);
        assert_eq!(
            (sections[0].title.as_str(), sections[0].about.as_str()),
            ("`[save]`", "How it saves.")
        );
        let keys: Vec<(&str, &str, &str)> =
            sections[0].keys.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())).collect();
        let want = [
            ("batch_max", "`4096`", "Largest batch."),
            ("to", "`\"disk\"`", "Where to."),
            ("mode", "`\"at_exit\"`", "When."),
        ];
        assert_eq!(keys, want);
    }
}
