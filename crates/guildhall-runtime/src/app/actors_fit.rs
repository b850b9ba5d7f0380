//! Checks that actor types fit each other and the rows of earlier releases.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use guildhall_core::store::{Kind, Order, Query, Store, Table};
use guildhall_core::{Env, KeyKind, StartError, slot_of};

use crate::actor::Registered;

/// Longest NAME of an actor type, in bytes: it is in each of its leases.
const NAME_MAX: usize = 64;

/// Rows of a table that are looked at.
const ROWS: usize = 16;

/// How long the look at the rows of all tables may take.
const LOOK: Duration = Duration::from_secs(2);

/// Each NAME is one type's: leases, rows and settings are found by it.
pub(super) fn names<'a>(actors: impl Iterator<Item = &'a str>) -> Result<(), StartError> {
    let mut names = BTreeSet::new();
    for name in actors {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(fits) {
            let name: String = name.chars().take(NAME_MAX).collect();
            return Err(StartError::program(format!(
                "the NAME of an actor type is `{name}`: 1 to {NAME_MAX} characters of [A-Za-z0-9_.-] are allowed"
            )));
        }
        if !names.insert(name) {
            return Err(StartError::program(format!(
                "two actor types have the NAME `{name}`: give each type a NAME of its own, and name all services of one type in one `App::actor`"
            )));
        }
    }
    Ok(())
}

/// Each table has one owner: two would take its rows from each other.
pub(super) fn tables(actors: &[Registered]) -> Result<(), StartError> {
    let mut owners = BTreeMap::new();
    for actor in actors {
        for table in actor.host.tables() {
            let (table, name) = (table.name, actor.host.slots().actor());
            if let Some(other) = owners.insert(table, name) {
                return Err(StartError::program(format!(
                    "the actor types `{other}` and `{name}` both own the rows of table `{table}`: give each an entity of its own"
                )));
            }
        }
    }
    Ok(())
}

/// The key of an actor, of its methods and of its tables is of one kind: text that is no number, or a number that is negative, would
/// be a key for one of them and none for another.
pub(super) fn keys(actors: &[Registered]) -> Result<(), StartError> {
    let named = |kind| match kind {
        KeyKind::Text => "String (string)",
        KeyKind::Uint => "u64 (uint32, uint64)",
        KeyKind::Int => "i64 (int32, int64)",
    };
    for actor in actors {
        let (name, key) = (actor.host.slots().actor(), actor.key);
        let wrong = |place: String, kind| {
            let (key, kind) = (named(key), named(kind));
            StartError::program(format!(
                "`type Key` of actor type `{name}` is {key}, but {place} is {kind}: make them the same"
            ))
        };
        for method in actor.services.iter().flat_map(|service| service.desc().methods) {
            if let Some(field) = method.key.filter(|field| field.kind != key) {
                return Err(wrong(format!("the key of {}", method.path), field.kind));
            }
        }
        for table in actor.host.tables() {
            let kind = match table.key.kind {
                Kind::Text => KeyKind::Text,
                Kind::Uint => KeyKind::Uint,
                _ => KeyKind::Int,
            };
            if kind != key {
                return Err(wrong(
                    format!("the key `{}` of table `{}`", table.key.name, table.name),
                    kind,
                ));
            }
        }
    }
    Ok(())
}

/// Looks at some rows of each actor type: those that belong to another NAME, or to another number of slots, could not be claimed.
/// A store that does not answer just now stops no start; the calls that need such a row fail with `OTHER_LEASE` then.
pub(super) async fn rows(
    env: &Env,
    store: &dyn Store,
    actors: &[Registered],
) -> Result<(), StartError> {
    let looked = async {
        for actor in actors {
            let slots = actor.host.slots();
            for table in actor.host.tables() {
                table_fits(store, table, slots.actor(), slots.count()).await?;
            }
        }
        Ok(())
    };
    env.until(env.now() + LOOK, looked).await.unwrap_or(Ok(()))
}

async fn table_fits(
    store: &dyn Store,
    table: &'static Table,
    name: &str,
    slots: u32,
) -> Result<(), StartError> {
    let (conditions, order) = (Vec::new(), Order::Key);
    let query = Query { table, conditions, order, after: None, limit: ROWS, keys_only: true };
    let Ok(page) = store.query(&query).await else { return Ok(()) };
    for (key, row) in page.rows {
        let Some(token) = row.token else { continue };
        let fits = format!("{name}/{}", slot_of(key.as_str(), slots));
        let lease = &*token.lease;
        if lease == fits {
            continue;
        }
        let key: String = key.as_str().chars().take(64).collect();
        let why = format!(
            "actor type `{name}` with {slots} slots cannot own row {key} of table `{}`: the row belongs to the lease {lease}, and not to {fits}",
            table.name
        );
        let do_this = match lease.rsplit_once('/') {
            Some((other, _)) if other != name => format!(
                "the NAME of an actor type stays as long as it has rows; set it back to `{other}` (the Rust type may be renamed), or use another entity"
            ),
            _ => format!(
                "the number of slots stays as long as there are rows; set actor.{name}.slots (or app.slots) back"
            ),
        };
        return Err(StartError::rows(format!("{why}; {do_this}")));
    }
    Ok(())
}
