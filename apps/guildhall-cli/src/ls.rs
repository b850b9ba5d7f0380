//! `guildhall ls`: apps, services and actors of a cluster.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Result;
use futures_util::future::join_all;
use guildhall_core::discovery::{NodeRecord, NodeState};
use guildhall_runtime::proto::method_info::{Model, Route};
use guildhall_runtime::proto::{MethodInfo, NodeClient};
use serde::Serialize;

use crate::catalog::{self, ASK, Catalog, is_of_the_framework};
use crate::link_news::Missing;
use crate::out::{complain, print};
use crate::table::Table;
use crate::visit::{Cluster, Visit};

/// `guildhall ls`.
#[derive(Debug, clap::Args)]
pub(crate) struct LsArgs {
    /// What to list. [default: everything]
    #[arg(value_enum)]
    what: Vec<What>,
    /// Also lists the framework's own services.
    #[arg(long)]
    all: bool,
    /// Prints one JSON object with `apps`, `services` and `actors`.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    cluster: Cluster,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum What {
    Apps,
    Services,
    Actors,
}

/// Everything, as JSON has it.
#[derive(Debug, Default, Serialize)]
struct Listing {
    #[serde(skip_serializing_if = "Option::is_none")]
    apps: Option<Vec<AppRow>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    services: Option<Vec<ServiceRow>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actors: Option<Vec<ActorRow>>,
}

#[derive(Debug, Serialize)]
struct AppRow {
    id: String,
    state: &'static str,
    weight: u32,
    version: String,
    load: u32,
    address: String,
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
struct ServiceRow {
    name: String,
    model: &'static str,
    apps: Vec<String>,
    methods: Vec<MethodRow>,
}

#[derive(Debug, Serialize)]
struct MethodRow {
    name: String,
    request: String,
    response: String,
    options: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ActorRow {
    name: String,
    app: String,
    active: u64,
    slots_served: u64,
    slots: u64,
    slots_suspended: u64,
    slots_moving: u64,
}

/// Prints the tables.
pub(crate) async fn run(args: LsArgs) -> Result<ExitCode> {
    let visit = args.cluster.visit().await?;
    let listing = listing(&args, &visit).await;
    let missing = visit.missing.clone();
    visit.end().await;
    let listing = listing?;
    if args.json {
        print(&serde_json::to_string_pretty(&listing)?);
    } else {
        print(&listing.text());
        missing.iter().for_each(|missing| complain(&format!("not reached: {missing}")));
    }
    Ok(ExitCode::SUCCESS)
}

async fn listing(args: &LsArgs, visit: &Visit) -> Result<Listing> {
    let wants = |what: What| args.what.is_empty() || args.what.contains(&what);
    let (cx, nodes) = (visit.cx(), visit.some_nodes()?);
    let mut listing = Listing::default();
    if wants(What::Apps) {
        let unreachable = visit.missing.iter().filter_map(AppRow::unreachable);
        listing.apps = Some(nodes.iter().map(AppRow::linked).chain(unreachable).collect());
    }
    if wants(What::Services) {
        let catalog = catalog::ask(&cx, &nodes).await?;
        listing.services = Some(services(&catalog, args.all));
    }
    if wants(What::Actors) {
        let within = cx.within(ASK);
        let clients: Vec<_> = nodes.iter().map(|n| NodeClient::new(&within).at(&n.id)).collect();
        let told = join_all(clients.iter().map(|client| client.actors(()))).await;
        let mut actors = Vec::new();
        for (node, told) in nodes.iter().zip(told) {
            let row = |a: guildhall_runtime::proto::ActorInfo| ActorRow {
                name: a.name,
                app: node.id.to_string(),
                active: a.active,
                slots_served: a.slots_served,
                slots: a.slots,
                slots_suspended: a.slots_suspended,
                slots_moving: a.slots_moving,
            };
            match told {
                Ok(told) => actors.extend(told.actors.into_iter().map(row)),
                Err(status) => {
                    complain(&format!("cannot read the actors of {}: {status}", node.id))
                }
            }
        }
        actors.sort_by(|a, b| a.name.cmp(&b.name));
        listing.actors = Some(actors);
    }
    Ok(listing)
}

impl AppRow {
    fn linked(node: &NodeRecord) -> Self {
        let state = match node.state {
            NodeState::Starting => "starting",
            NodeState::Ready => "ready",
            NodeState::Draining => "draining",
        };
        Self::new(node, state)
    }

    fn unreachable(missing: &Missing) -> Option<Self> {
        Some(Self::new(missing.record.as_ref()?, "unreachable"))
    }

    fn new(node: &NodeRecord, state: &'static str) -> Self {
        Self {
            id: node.id.to_string(),
            state,
            weight: node.weight,
            version: node.version.clone(),
            load: node.load,
            address: node.endpoints.get("link").cloned().unwrap_or_default(),
            labels: node.labels.clone(),
        }
    }
}

fn services(catalog: &Catalog, all: bool) -> Vec<ServiceRow> {
    let services = catalog.iter().filter(|(name, _)| all || !is_of_the_framework(name));
    let row = |(name, service): (&String, &catalog::Service)| ServiceRow {
        name: name.clone(),
        model: service.methods.first().map_or("", |method| model(method.info.model())),
        apps: service.apps.iter().map(ToString::to_string).collect(),
        methods: service
            .methods
            .iter()
            .map(|method| MethodRow {
                name: method.types.name().to_owned(),
                request: method.types.input().name().to_owned(),
                response: method.types.output().name().to_owned(),
                options: options(method),
            })
            .collect(),
    };
    services.map(row).collect()
}

fn model(model: Model) -> &'static str {
    match model {
        Model::Concurrent => "concurrent",
        Model::Serial => "serial",
        Model::Interleaved => "interleaved",
        Model::Actor => "actor",
        Model::Client => "client",
    }
}

/// What the proto says of a method, in its words; what is the default says nothing.
fn options(method: &catalog::Method) -> Vec<String> {
    let info: &MethodInfo = &method.info;
    let mut options = Vec::new();
    if let Some(field) = method.types.input().get_field(info.key).filter(|_| info.key != 0) {
        options.push(format!("key={}", field.name()));
    }
    match info.route() {
        Route::Random => {}
        Route::Hash => options.push("route=hash".to_owned()),
        Route::Single => options.push("route=single".to_owned()),
        Route::LeastLoad => options.push("route=least_load".to_owned()),
    }
    let flags = [
        ("client", info.client),
        ("oneway", info.oneway),
        ("durable", info.durable),
        ("idempotent", info.idempotent),
        ("create", info.create),
        ("trace", info.trace),
    ];
    options.extend(flags.iter().filter(|(_, is)| *is).map(|(name, _)| (*name).to_owned()));
    if info.timeout_ms != 0 {
        options.push(format!("timeout_ms={}", info.timeout_ms));
    }
    options
}

impl Listing {
    fn text(&self) -> String {
        let mut tables = Vec::new();
        if let Some(apps) = &self.apps {
            let mut table = Table::new(&["APP", "STATE", ">WEIGHT", "VERSION", ">LOAD", "LINK"]);
            for app in apps {
                let (weight, load) = (app.weight.to_string(), app.load.to_string());
                table.row([&app.id, app.state, &weight, &app.version, &load, &app.address]);
            }
            tables.push(table);
        }
        if let Some(services) = &self.services {
            let mut table = Table::new(&["SERVICE / METHOD", "TYPES", "OPTIONS"]);
            for service in services {
                let apps = match service.apps.len() {
                    1 => "1 app".to_owned(),
                    n => format!("{n} apps"),
                };
                table.row([&service.name, service.model, &apps]);
                for method in &service.methods {
                    let name = format!("  {}", method.name);
                    let types = format!("{} -> {}", method.request, method.response);
                    table.row([name, types, method.options.join(" ")]);
                }
            }
            tables.push(table);
        }
        if let Some(actors) = &self.actors {
            let mut table =
                Table::new(&["ACTOR", "APP", ">ACTIVE", ">SLOTS", ">SUSPENDED", ">MOVING"]);
            for actor in actors {
                let slots = format!("{}/{}", actor.slots_served, actor.slots);
                let numbers = [actor.active, actor.slots_suspended, actor.slots_moving];
                let [active, suspended, moving] = numbers.map(|number| number.to_string());
                table.row([&actor.name, &actor.app, &active, &slots, &suspended, &moving]);
            }
            tables.push(table);
        }
        let tables = tables.iter().map(|table| table.lines().join("\n"));
        tables.filter(|table| !table.is_empty()).collect::<Vec<_>>().join("\n\n")
    }
}
