//! `guildhall store views`: SQL views of a PostgreSQL store with messages as `jsonb`, printed for psql.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use guildhall_postgres_json::Entities;
use prost_reflect::DescriptorPool;

use crate::catalog;
use crate::out::print_bytes;
use crate::visit::{Cluster, Visit};

/// `guildhall store views`.
#[derive(Debug, clap::Args)]
pub(crate) struct ViewsArgs {
    /// SQL schema of the store, as `schema` in its URL.
    #[arg(long, default_value = "guildhall")]
    schema: String,
    /// File with the message types instead of a cluster: an encoded `FileDescriptorSet` with all imports, as
    /// `protoc --include_imports --descriptor_set_out=FILE` writes it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["app", "discovery", "config", "cluster"])]
    descriptors: Option<PathBuf>,
    #[command(flatten)]
    cluster: Cluster,
}

/// Prints the SQL.
pub(crate) async fn run(args: ViewsArgs) -> Result<ExitCode> {
    let pools = match &args.descriptors {
        Some(file) => vec![read(file)?],
        None => {
            let visit = args.cluster.visit().await?;
            let types = types(&visit).await;
            visit.end().await;
            types?
        }
    };
    let mut entities = Entities::default();
    for pool in &pools {
        entities.add(pool).map_err(anyhow::Error::msg)?;
    }
    let sql = entities.sql(&args.schema).map_err(anyhow::Error::msg)?;
    print_bytes(sql.as_bytes());
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> Result<DescriptorPool> {
    let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
    DescriptorPool::decode(bytes.as_slice())
        .with_context(|| format!("{} is no FileDescriptorSet with all its imports", file.display()))
}

async fn types(visit: &Visit) -> Result<Vec<DescriptorPool>> {
    let nodes = visit.some_nodes()?;
    // Without its types, the views of its entities would be dropped.
    if !visit.missing.is_empty() {
        let all: String = visit.missing.iter().map(|it| format!("\n  {it}")).collect();
        bail!(
            "some apps do not answer, and their message types may be missing; start them, or give --descriptors:{all}"
        );
    }
    catalog::types(&visit.cx(), &nodes).await
}
