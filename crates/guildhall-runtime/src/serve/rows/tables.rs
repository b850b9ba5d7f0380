//! The tables of an app: those that actors own, and those that any code may write.

use guildhall_core::StartError;
use guildhall_core::config::Config;
use guildhall_core::store::{Migrate, Table};

use crate::config::StoreConfig;

/// The tables of an app.
#[derive(Debug)]
pub(crate) struct Tables {
    /// Anybody may write their rows: `App::table`.
    free: Vec<&'static Table>,
    /// Actors own their rows.
    owned: Vec<&'static Table>,
    pub(crate) config: StoreConfig,
}

impl Tables {
    pub(crate) fn new(
        config: &Config,
        mut free: Vec<&'static Table>,
        owned: Vec<&'static Table>,
    ) -> Result<Self, StartError> {
        let config: StoreConfig = config.section("store")?;
        free.sort_by_key(|table| table.name);
        free.dedup_by_key(|table| table.name);
        match free.iter().find(|table| has(&owned, table)) {
            None => Ok(Self { free, owned, config }),
            Some(Table { name, .. }) => Err(StartError::program(format!(
                "App::table: actors own the rows of table `{name}`, so nobody else may write them; call the actors, or use another table"
            ))),
        }
    }

    pub(crate) fn migrate(&self) -> Result<Migrate, StartError> {
        match self.config.migrate.as_str() {
            "auto" => Ok(Migrate::Auto),
            "check" => Ok(Migrate::Check),
            other => {
                let why = format!("store.migrate is `{other}`; there are `auto` and `check`");
                Err(StartError::setting("store.migrate", why))
            }
        }
    }

    /// Whether anybody may write the rows of this table; `None` where the app does not have it.
    pub(super) fn writable(&self, table: &Table) -> Option<bool> {
        let free = has(&self.free, table);
        (free || has(&self.owned, table)).then_some(free)
    }

    /// The tables whose rows anybody may write.
    pub(crate) fn free(&self) -> &[&'static Table] {
        &self.free
    }

    pub(crate) fn all(&self) -> Vec<&'static Table> {
        self.free.iter().chain(&self.owned).copied().collect()
    }
}

fn has(tables: &[&'static Table], table: &Table) -> bool {
    tables.iter().any(|other| other.name == table.name)
}
