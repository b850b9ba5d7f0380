//! `guildhall drain`: drains an app and waits until it is gone.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use guildhall_core::discovery::{NodeRecord, NodeState};
use guildhall_core::env::Instant;
use guildhall_core::status::reason;
use guildhall_core::{AppId, Env};
use guildhall_runtime::proto::{DrainReq, NodeClient};

use crate::failure::describe;
use crate::out::print;
use crate::visit::{Cluster, Visit};

const METHOD: &str = "guildhall.runtime.Node/Drain";

/// How often it is looked whether it is gone.
const LOOK: Duration = Duration::from_millis(20);

/// How much longer than its `app.drain_ms` an app may take to be gone.
const MORE: Duration = Duration::from_secs(5);

/// `guildhall drain`.
#[derive(Debug, clap::Args)]
pub(crate) struct DrainArgs {
    /// The app's id.
    id: AppId,
    /// Seconds to wait until it is gone. [default: its app.drain_ms plus 5 s]
    #[arg(long, value_name = "SECONDS")]
    within: Option<u64>,
    #[command(flatten)]
    cluster: Cluster,
}

/// Fails when the app is not gone in time, with what is known of it.
pub(crate) async fn run(args: DrainArgs) -> Result<ExitCode> {
    let visit = args.cluster.visit().await?;
    let done = drain(&args, &visit).await;
    visit.end().await;
    done.map(|()| ExitCode::SUCCESS)
}

async fn drain(args: &DrainArgs, visit: &Visit) -> Result<()> {
    let (cx, node) = (visit.cx(), visit.node(&args.id)?);
    let (began, ended) = (cx.env().now(), visit.links_ended(&args.id));
    let told = NodeClient::new(&cx).at(&args.id).drain(DrainReq {}).await;
    let told = told.map_err(|status| match status.reason() {
        reason::NO_SUCH_METHOD => anyhow!(
            "{} does not know how: it was built with an earlier Guildhall; send it SIGTERM",
            args.id
        ),
        _ => anyhow!(describe(METHOD, &status, None)),
    })?;
    let drain = Duration::from_millis(told.drain_ms);
    print(&format!("{} drains; it has {drain:?} (app.drain_ms)", args.id));
    let within = args.within.map_or(drain + MORE, Duration::from_secs);
    let left = wait(visit, &node, ended, began + within).await;
    let took = millis(cx.env(), began);
    match left {
        None => print(&format!("{} is gone after {took:?}", args.id)),
        Some(left) => bail!("{} is not gone after {took:?}: {}", args.id, left.known(&node)),
    }
    Ok(())
}

/// The time since then, for people.
fn millis(env: &Env, since: Instant) -> Duration {
    Duration::from_millis(u64::try_from((env.now() - since).as_millis()).unwrap_or(u64::MAX))
}

/// What an app has not done yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// It takes calls as before.
    Everything,
    /// It takes no new calls, and its process is there.
    End,
    /// Its link has ended; discovery still knows it.
    Record,
}

impl Left {
    fn known(self, node: &NodeRecord) -> String {
        let address = node.endpoints.get("link").map(String::as_str).unwrap_or_default();
        match self {
            Self::Everything => "it was told to, and takes calls as before; a program that starts its app with App::start \
                                 waits for RunningApp::drain_asked itself"
                .to_owned(),
            Self::End => format!(
                "it takes no new calls, and its link at {address} is open: calls, hooks or background tasks run, or actors are \
                 saved; its log says more, and SIGTERM ends it now"
            ),
            Self::Record => format!(
                "its link at {address} has ended, but discovery still knows it: its record goes with its TTL (app.discovery_ttl_ms)"
            ),
        }
    }
}

/// Waits until a link to it has ended after the `ended` ones before, and discovery does not know this life of it; or until the
/// deadline: then it is said what is left.
async fn wait(visit: &Visit, node: &NodeRecord, ended: u64, deadline: Instant) -> Option<Left> {
    let cx = visit.cx();
    let env = cx.env();
    loop {
        let has_ended = visit.links_ended(&node.id) > ended;
        // A discovery that does not answer now may know it.
        let is_known = || async { visit.is_registered(node).await.unwrap_or(true) };
        if has_ended && env.until(deadline, is_known()).await == Some(false) {
            return None;
        }
        if env.now() > deadline {
            let ready = |it: &NodeRecord| {
                it.incarnation == node.incarnation && it.state == NodeState::Ready
            };
            return Some(match has_ended {
                true => Left::Record,
                false if visit.nodes().iter().any(ready) => Left::Everything,
                false => Left::End,
            });
        }
        env.sleep(LOOK).await;
    }
}
