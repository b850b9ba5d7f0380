//! `guildhall store`: moves the rows of a game to another store, gives rows to a renamed actor type, and shows messages as JSON.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use guildhall_core::backend::without_secrets;
use guildhall_core::store::Store;
use guildhall_core::store::adopt::adopt;
use guildhall_core::store::copy::{Compared, Sum, check_kept, compare, copy};
use guildhall_core::{Config, Env, Opening, Plugin as _};

use crate::out::{complain, print};
use crate::table::Table;
use crate::views::{self, ViewsArgs};
use crate::visit::plugin;

/// The exit code of a copy whose rows are not the same.
const DIFFERENT: u8 = 3;

#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    #[command(subcommand)]
    command: StoreCommand,
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Copies all rows of a store to another one, and compares them. Stop all apps first.
    ///
    /// Tokens, versions, completion records and tombstones are copied as they are, so an owner that has lost a row before the copy cannot
    /// write it after the copy either. A copy that was broken off goes on when it is run again. If the leases move too, raise
    /// `ownership.era` in the settings of all apps before they start.
    ///
    /// Exit codes: 0 if both stores have the same rows, 3 if not, 1 after an error.
    Copy {
        /// URL of the store to copy from, as in `app.store`; for a hub that is stopped, `redb:` and its `hub.data`.
        from: String,
        /// URL of the store to copy to: empty, or with part of the same rows.
        to: String,
    },
    /// Compares all rows of two stores, as the end of a copy does. Exit codes: 0, 3 and 1, as those of `copy`.
    Compare {
        /// URL of a store.
        from: String,
        /// URL of another store.
        to: String,
    },
    /// Gives the rows of a renamed actor type or table to its new name. Stop all apps first.
    ///
    /// Of an actor type: its leases in all rows get the new name. Of a table: its rows are copied to the table with the new name, and stay
    /// under the old one. If the name of both has changed, run it for each.
    Adopt {
        /// The name before.
        old: String,
        /// The name now.
        new: String,
        /// URL of the store, as in `app.store`.
        #[arg(long)]
        store: String,
        /// Goes on with a run that was broken off: rows may have the new name already.
        #[arg(long)]
        resume: bool,
    },
    /// Prints SQL that shows the messages, lists and maps in a PostgreSQL store as jsonb.
    ///
    /// `guildhall store views | psql -v ON_ERROR_STOP=1 URL` makes an SQL view per entity, in the schema `guildhall_json` beside the
    /// store's `guildhall`: `SELECT name, items->0->>'name' FROM guildhall_json.role`. The tables of the store are not changed. Run it
    /// again after a release that adds entities or fields: it is one transaction, and views of entities that it does not find are dropped.
    ///
    /// The message types come from the running apps of a cluster, which all have to answer, or from a file.
    Views(ViewsArgs),
}

pub(crate) async fn run(args: StoreArgs) -> Result<ExitCode> {
    match args.command {
        StoreCommand::Views(args) => views::run(args).await,
        StoreCommand::Copy { from, to } => run_copy(&from, &to).await,
        StoreCommand::Compare { from, to } => {
            let (from, to) = both(&from, &to).await?;
            show(&compare(&*from, &*to).await?)
        }
        StoreCommand::Adopt { old, new, store, resume } => {
            let store = open(&store).await?;
            let adopted = adopt(&*store, &old, &new, resume).await?;
            print(&format!(
                "rows in table {new}: {}\nrows under leases of {new}: {}\nfloors: {}",
                adopted.moved, adopted.renamed, adopted.floors
            ));
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn run_copy(from_url: &str, to_url: &str) -> Result<ExitCode> {
    let (from, to) = both(from_url, to_url).await?;
    for url in [from_url, to_url].into_iter().filter(|url| !url.starts_with("redb:")) {
        let url = without_secrets(url);
        complain(&format!("{url} is a server: make sure that no app uses it until this has ended"));
    }
    check_kept(&*from, &*to).await?;
    let copied = copy(&*from, &*to).await?;
    let compared = compare(&*from, &*to).await?;
    let done = show(&compared)?;
    print(&format!("{} rows copied, {} were there", copied.new, copied.there));
    let era = copied.era + 1;
    print(&format!(
        "if the leases move too, raise ownership.era in the settings of all apps, to {era} at least, before they start"
    ));
    Ok(done)
}

/// Prints the tables, and says whether all have the same rows.
fn show(compared: &[Compared]) -> Result<ExitCode> {
    let mut table =
        Table::new(&["TABLE", ">ROWS", ">TOMBSTONES", "HASH", ">ROWS IN TO", "HASH IN TO", ""]);
    let hash = |sum: &Sum| format!("{:032x}", sum.hash);
    for Compared { table: name, from, to, .. } in compared {
        let is = if from == to { "same" } else { "DIFFERENT" };
        let numbers = [from.rows.to_string(), from.tombstones.to_string(), hash(from)];
        let others = [to.rows.to_string(), hash(to), is.to_owned()];
        table.row([name.clone()].into_iter().chain(numbers).chain(others));
    }
    print(&table.lines().join("\n"));
    let different: Vec<_> = compared.iter().filter(|it| !it.is_same()).collect();
    for Compared { table, differ, .. } in &different {
        complain(&format!("error: {table} is not the same: {}", differ.join(", ")));
    }
    Ok(if different.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) })
}

async fn both(from: &str, to: &str) -> Result<(Arc<dyn Store>, Arc<dyn Store>)> {
    if from == to {
        bail!("both are `{}`; give two stores", without_secrets(from));
    }
    let from = open(from).await?;
    Ok((from, open_or_make(to).await?))
}

/// Opens a store that must be there.
async fn open(url: &str) -> Result<Arc<dyn Store>> {
    if url.starts_with("redb:") {
        let settings = guildhall_redb::Settings::parse(url).map_err(anyhow::Error::msg)?;
        let file = settings.file();
        if !file.exists() {
            bail!(
                "there is no store in {}: {} is missing",
                settings.directory.display(),
                file.display()
            );
        }
    }
    open_or_make(url).await
}

async fn open_or_make(url: &str) -> Result<Arc<dyn Store>> {
    if url.starts_with("hub:") {
        bail!(
            "`{}`: the store of a hub is opened in its folder, while the hub is stopped: redb: and the hub's `hub.data`",
            without_secrets(url)
        );
    }
    let (env, config) = (Env::real(), Config::builder().build()?);
    let id = "guildhall.tool.store.1".parse().context("the name of this program as an app")?;
    let opening = Opening { env: &env, config: &config, id: &id, url };
    let backend = plugin(url)?.open(opening).await?;
    backend.store.with_context(|| format!("`{}` has no store", without_secrets(url)))
}
