//! `guildhall reload`: reloads apps, and prints changed settings and those that need a restart.

use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow};
use guildhall_core::discovery::NodeRecord;
use guildhall_core::{AppId, KeyText, MethodDesc};
use guildhall_runtime::Cx;
use guildhall_runtime::raw::{self, RawBody, Target};
use prost_reflect::DynamicMessage;
use serde::Deserialize;

use crate::catalog;
use crate::failure::describe;
use crate::out::{complain, print};
use crate::visit::{Cluster, Visit};

const METHOD: &str = "guildhall.runtime.Node/Reload";

/// `guildhall reload`.
#[derive(Debug, clap::Args)]
pub(crate) struct ReloadArgs {
    /// The app's id. [default: all apps]
    id: Option<AppId>,
    #[command(flatten)]
    cluster: Cluster,
}

/// `ReloadRsp`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Reloaded {
    changed: Vec<String>,
    needs_restart: Vec<String>,
}

/// One line per app; fails when one did.
pub(crate) async fn run(args: ReloadArgs) -> Result<ExitCode> {
    let visit = args.cluster.visit().await?;
    let done = reload(&args, &visit).await;
    visit.end().await;
    done
}

async fn reload(args: &ReloadArgs, visit: &Visit) -> Result<ExitCode> {
    let mut failed = false;
    let nodes = match &args.id {
        Some(id) => vec![visit.node(id)?],
        None => visit.some_nodes()?,
    };
    if args.id.is_none() {
        for missing in &visit.missing {
            complain(&format!("not reached: {missing}"));
            failed = true;
        }
    }
    for node in &nodes {
        match one(&visit.cx(), node).await {
            Ok(line) => print(&format!("{}: {line}", node.id)),
            Err(error) => {
                complain(&format!("{}: {error:#}", node.id));
                failed = true;
            }
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn one(cx: &Cx, node: &NodeRecord) -> Result<String> {
    let catalog = catalog::ask(cx, std::slice::from_ref(node)).await?;
    let method = catalog::find(&catalog, METHOD);
    let method = method
        .ok()
        .context("the app was built with an earlier Guildhall that has no such method")?;
    let desc = raw::describe(&method.info).map_err(|why| anyhow!(why))?;
    // One per app and run of the program.
    let desc: &'static MethodDesc = Box::leak(Box::new(desc));
    let target = Target::At(node.id.clone().into());
    let answer = raw::call_to(cx, desc, &target, KeyText::None, RawBody::new(&[])).await;
    let answer = answer.map_err(|status| anyhow!(describe(METHOD, &status, None)))?;
    let answer = DynamicMessage::decode(method.types.output(), answer)?;
    let answer: Reloaded = serde_json::from_value(serde_json::to_value(&answer)?)?;
    let mut said = match answer.changed.is_empty() {
        true => "nothing has changed".to_owned(),
        false => format!("changed {}", answer.changed.join(", ")),
    };
    if !answer.needs_restart.is_empty() {
        said += &format!("; needs a restart: {}", answer.needs_restart.join(", "));
    }
    Ok(said)
}
