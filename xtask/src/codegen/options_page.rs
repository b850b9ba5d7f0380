//! `docs/options.md`: the options of `guildhall/options.proto` with their comments, so that the page and the proto cannot differ.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto};

use super::first_difference;

const INCLUDE: &str = "crates/guildhall-build/proto";
const PROTO: &str = "guildhall/options.proto";
const PAGE: &str = "docs/options.md";

const HEAD: &str = "# Proto options

Made by `cargo xtask codegen` from `crates/guildhall-build/proto/guildhall/options.proto`; do not edit.

A proto imports these options with `import \"guildhall/options.proto\";`. `guildhall-build` contains that file, so a game needs no copy
of it. Misuse of an option is a build error with file and line.
";

/// Numbers of the fields of descriptors: the paths of comments consist of them and of indexes.
const MESSAGES: i32 = 4;
const ENUMS: i32 = 5;
const EXTENSIONS: i32 = 7;
const MEMBERS: i32 = 2;

/// Writes the page, or with `check` fails where the committed one differs.
pub(super) fn bring_up_to_date(root: &Path, check: bool) -> Result<()> {
    let page = page(&root.join(INCLUDE))?;
    let target = root.join(PAGE);
    let committed = fs::read_to_string(&target).unwrap_or_default();
    if committed == page {
        return Ok(());
    }
    if check {
        let difference = first_difference(&committed, &page);
        bail!(
            "{PAGE}:{difference}\nit is not what {PROTO} says; run `cargo xtask codegen` and commit"
        );
    }
    fs::write(&target, page).with_context(|| format!("write {PAGE}"))?;
    println!("wrote {PAGE}");
    Ok(())
}

/// What the page should be.
fn page(include: &Path) -> Result<String> {
    let set = protox::compile([PROTO], [include]).with_context(|| format!("compile {PROTO}"))?;
    let file = set.file.into_iter().find(|file| file.name() == PROTO);
    let options = Options::of(file.with_context(|| format!("{PROTO} is missing"))?);
    let mut page = HEAD.to_owned();
    for (at, extension) in (0..).zip(&options.file.extension) {
        options.section(&mut page, at, extension)?;
    }
    Ok(page)
}

struct Options {
    file: FileDescriptorProto,
    comments: BTreeMap<Vec<i32>, String>,
}

impl Options {
    fn of(mut file: FileDescriptorProto) -> Self {
        let places = file.source_code_info.take().unwrap_or_default().location;
        let comments = places.into_iter().filter_map(|place| {
            let comment = place.leading_comments?;
            let lines = comment.lines().map(|line| line.strip_prefix(' ').unwrap_or(line));
            Some((place.path, lines.collect::<Vec<_>>().join("\n").trim().to_owned()))
        });
        Self { comments: comments.collect(), file }
    }

    /// One option: what it is for, its fields, and the enums that they use.
    fn section(&self, page: &mut String, at: i32, option: &FieldDescriptorProto) -> Result<()> {
        let name = format!("(guildhall.{})", option.name());
        let about = self.comment(&[EXTENSIONS, at], &name)?;
        write!(page, "\n## `{name}`\n\n{about}\n\n| field | type | |\n|---|---|---|\n")?;
        let messages = (0..).zip(&self.file.message_type);
        let mut messages = messages.filter(|(_, it)| names(option, it.name()));
        let (at, message) = messages.next().with_context(|| format!("{name} is no message"))?;
        for (index, field) in (0..).zip(&message.field) {
            let about = self.cell(&[MESSAGES, at, MEMBERS, index], field.name())?;
            writeln!(page, "| `{}` | {} | {about} |", field.name(), kind(field)?)?;
        }
        let used = |it: &EnumDescriptorProto| message.field.iter().any(|f| names(f, it.name()));
        let mut enums = (0..).zip(&self.file.enum_type).filter(|(_, it)| used(it));
        enums.try_for_each(|(at, values)| self.values(page, at, values))
    }

    fn values(&self, page: &mut String, at: i32, values: &EnumDescriptorProto) -> Result<()> {
        let name = values.name();
        let about = self.comment(&[ENUMS, at], name)?;
        write!(page, "\n### `{name}`\n\n{about}\n\n| value | |\n|---|---|\n")?;
        for (index, value) in (0..).zip(&values.value) {
            let about = self.cell(&[ENUMS, at, MEMBERS, index], value.name())?;
            let default = if value.number() == 0 { " (default)" } else { "" };
            writeln!(page, "| `{}`{default} | {about} |", value.name())?;
        }
        Ok(())
    }

    /// The comment at a path. Nothing on the page is without an explanation.
    fn comment(&self, path: &[i32], name: &str) -> Result<&str> {
        let comment = self.comments.get(path).map(String::as_str).unwrap_or_default();
        ensure!(
            !comment.is_empty(),
            "{PROTO}: `{name}` has no comment above it, which {PAGE} shows"
        );
        Ok(comment)
    }

    /// A comment as a cell of a table.
    fn cell(&self, path: &[i32], name: &str) -> Result<String> {
        Ok(self.comment(path, name)?.replace('\n', " ").replace('|', "\\|"))
    }
}

/// Whether the type of a field is the message or enum `name`.
fn names(field: &FieldDescriptorProto, name: &str) -> bool {
    field.type_name().rsplit('.').next() == Some(name)
}

fn kind(field: &FieldDescriptorProto) -> Result<String> {
    let name = match field.r#type() {
        Type::Bool => "`bool`",
        Type::String => "`string`",
        Type::Uint32 => "`uint32`",
        Type::Enum => {
            let name = field.type_name().rsplit('.').next().unwrap_or_default();
            return Ok(format!("[`{name}`](#{})", name.to_lowercase()));
        }
        other => bail!("{PROTO}: `{}` has the type {other:?}; teach {PAGE} its name", field.name()),
    };
    let repeated = if field.label() == Label::Repeated { "repeated " } else { "" };
    Ok(format!("{repeated}{name}"))
}

#[cfg(test)]
mod tests;
