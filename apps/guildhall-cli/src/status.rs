//! `guildhall status`: the instances of a cluster that is up, and which backend serves each seam of its apps.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use futures_util::future::join_all;
use guildhall_runtime::proto::{BackendInfo, BackendsRsp, NodeClient};
use serde::Serialize;

use crate::catalog::ASK;
use crate::out::{complain, print};
use crate::table::Table;
use crate::up::commands::instances;
use crate::up::control::Row;
use crate::visit::{Cluster, DEFAULT_CLUSTER};

/// `guildhall status`.
#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// Prints a JSON array: the instances, or with --backends the backends.
    #[arg(long)]
    json: bool,
    /// Shows only which backend serves each seam of the apps. The cluster need not be one of `guildhall up`.
    #[arg(long)]
    backends: bool,
    #[command(flatten)]
    cluster: Cluster,
}

/// A backend, as some apps see it.
#[derive(Debug, Serialize)]
struct BackendRow {
    seam: String,
    /// Without secrets; empty: the program gave the backend to the app.
    backend: String,
    /// `ok`, `unreachable`, `open`, `in memory` or `not used`.
    health: &'static str,
    /// The longest time since an answer of its server, in ms.
    answered_ms: Option<u64>,
    /// How long its server has not answered, in ms.
    outage_ms: Option<u64>,
    why: String,
    apps: Vec<String>,
}

pub(crate) async fn run(args: StatusArgs) -> Result<ExitCode> {
    let ups = !args.backends && !args.cluster.says_other_than_a_file();
    if ups {
        let file =
            args.cluster.file().map_or_else(|| PathBuf::from(DEFAULT_CLUSTER), PathBuf::from);
        let rows = instances(&file)?;
        if args.json {
            print(&serde_json::to_string_pretty(&rows)?);
            return Ok(ExitCode::SUCCESS);
        }
        print(&table_of_instances(rows).lines().join("\n"));
    }
    let backends = match backends(&args.cluster).await {
        // The instances are there.
        Err(error) if ups => {
            complain(&format!("backends not shown: {error:#}"));
            return Ok(ExitCode::SUCCESS);
        }
        backends => backends?,
    };
    if args.json {
        print(&serde_json::to_string_pretty(&backends)?);
    } else {
        let blank = if ups { "\n" } else { "" };
        print(&format!("{blank}{}", table_of_backends(&backends).lines().join("\n")));
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks all apps. Those that have the same to say of a seam share a row.
async fn backends(cluster: &Cluster) -> Result<Vec<BackendRow>> {
    let visit = cluster.visit().await?;
    let (cx, nodes) = (visit.cx().within(ASK), visit.some_nodes());
    let mut rows = BTreeMap::new();
    for missing in &visit.missing {
        complain(&format!("not reached: {missing}"));
    }
    let nodes = match nodes {
        Ok(nodes) => nodes,
        Err(error) => {
            visit.end().await;
            return Err(error);
        }
    };
    let clients: Vec<_> = nodes.iter().map(|node| NodeClient::new(&cx).at(&node.id)).collect();
    let told = join_all(clients.iter().map(|client| client.backends(()))).await;
    for (node, told) in nodes.iter().zip(told) {
        match told {
            Ok(BackendsRsp { backends }) => {
                backends.into_iter().for_each(|info| add(&mut rows, info, node.id.as_str()));
            }
            Err(status) => complain(&format!("cannot read the backends of {}: {status}", node.id)),
        }
    }
    visit.end().await;
    Ok(rows.into_values().collect())
}

type Rows = BTreeMap<(String, String, &'static str), BackendRow>;

fn add(rows: &mut Rows, info: BackendInfo, app: &str) {
    let BackendInfo { seam, url, open, server } = info;
    let server = server.unwrap_or_default();
    let health = match (&server.outage_ms, &server.answered_ms) {
        (Some(_), _) => "unreachable",
        (None, Some(_)) => "ok",
        _ if !open => "not used",
        _ if url.starts_with("memory:") => "in memory",
        _ => "open",
    };
    let row = rows.entry((seam.clone(), url.clone(), health)).or_insert_with(|| BackendRow {
        seam,
        backend: url,
        health,
        answered_ms: None,
        outage_ms: None,
        why: String::new(),
        apps: Vec::new(),
    });
    row.answered_ms = row.answered_ms.max(server.answered_ms);
    row.outage_ms = row.outage_ms.max(server.outage_ms);
    if row.why.is_empty() {
        row.why = server.why;
    }
    row.apps.push(app.to_owned());
}

fn table_of_instances(rows: Vec<Row>) -> Table {
    let mut table = Table::new(&["INSTANCE", "STATE", ">FOR", ">PID", ">RESTARTS", "NOTE"]);
    for Row { instance, state, pid, for_ms, restarts, note } in rows {
        let pid = pid.map(|pid| pid.to_string()).unwrap_or_default();
        table.row([instance, state, time(for_ms), pid, restarts.to_string(), note]);
    }
    table
}

fn table_of_backends(rows: &[BackendRow]) -> Table {
    let mut table = Table::new(&["SEAM", "BACKEND", "HEALTH", ">ANSWERED", "APPS"]);
    for row in rows {
        let backend = if row.backend.is_empty() { "of the program" } else { &row.backend };
        let health = match row.outage_ms {
            Some(ms) => format!("{} for {}: {}", row.health, time(ms), row.why),
            None => row.health.to_owned(),
        };
        let answered = row.answered_ms.map(|ms| format!("{} ago", time(ms))).unwrap_or_default();
        let apps = match row.apps.as_slice() {
            [one] => one.clone(),
            all => format!("{} apps", all.len()),
        };
        table.row([row.seam.clone(), backend.to_owned(), health, answered, apps]);
    }
    table
}

/// `8s`, `3m 20s`, `2h 3m`.
fn time(ms: u64) -> String {
    let s = Duration::from_millis(ms).as_secs();
    match (s / 3600, s / 60 % 60, s % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m {s}s"),
        (h, m, _) => format!("{h}h {m}m"),
    }
}
