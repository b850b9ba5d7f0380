//! A cluster file that is like another one, but for what it says itself.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use toml::{Table, Value};

/// Files that are like another one which is like another one.
const DEPTH_MAX: u32 = 4;

/// The whole of a file: what it says, over what the file says that it names with `like`, in which the apps `without` are left out.
pub(super) fn whole(path: &Path, table: Table) -> Result<Table> {
    whole_at(path, table, DEPTH_MAX)
}

fn whole_at(path: &Path, mut table: Table, depth: u32) -> Result<Table> {
    let Some(like) = table.remove("like") else {
        ensure!(!table.contains_key("without"), "without: the file is like no other");
        return Ok(table);
    };
    let like = like.as_str().context("like: the path of a file, relative to this one")?.to_owned();
    ensure!(depth > 0, "like: more than {DEPTH_MAX} files, one like the other");
    let from = path.parent().unwrap_or(Path::new("")).join(&like);
    let text =
        guildhall_core::read_text(&from).with_context(|| format!("like: {}", from.display()))?;
    let base = text.parse::<Table>().with_context(|| from.display().to_string())?;
    let mut base = whole_at(&from, base, depth - 1)?;
    // Its folder is relative to it.
    if let (Some(Value::String(folder)), Some(beside)) =
        (base.get("folder"), Path::new(&like).parent())
    {
        let folder = beside.join(folder).display().to_string();
        base.insert("folder".to_owned(), folder.into());
    }
    if let Some(without) = table.remove("without") {
        let names: Vec<String> = without.try_into().context("without: names of apps")?;
        names.iter().try_for_each(|name| leave_out(&mut base, name))?;
    }
    lay_over(&mut base, table);
    Ok(base)
}

/// Removes an app, and that others wait for it.
fn leave_out(file: &mut Table, name: &str) -> Result<()> {
    let apps =
        file.get_mut("apps").and_then(Value::as_table_mut).context("there is no [apps.NAME]")?;
    ensure!(apps.remove(name).is_some(), "without: there is no [apps.{name}] to leave out");
    for (_, app) in apps.iter_mut() {
        if let Some(after) = app.get_mut("after").and_then(Value::as_array_mut) {
            after.retain(|app| app.as_str() != Some(name));
        }
    }
    Ok(())
}

/// Tables join key by key; anything else is replaced.
fn lay_over(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(base)), Value::Table(over)) => lay_over(base, over),
            (_, value) => _ = base.insert(key, value),
        }
    }
}
