//! A view that was made change by change is the one that is made of all apps at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use guildhall_core::discovery::{NodeRecord, NodeState, actor_label};
use guildhall_core::metrics::{Gauge, LiveCount, Metrics, MetricsConfig};
use guildhall_core::{AppId, Env, Incarnation};
use guildhall_link::{Endpoint, Link, LinkConfig, LinkMeters, Peers, Place, ServedMeters};
use tokio_util::sync::CancellationToken;

use super::super::Mesh;
use super::View;

/// The same numbers in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

const SERVICES: [&str; 4] = ["game.Shop", "game.Chat", "game.Role", "game.Wallet"];
const APPS: u64 = 6;

fn id(n: u64) -> AppId {
    // Of two worlds.
    format!("dev.w{}.role.{n}", n / (APPS - 1)).parse().unwrap()
}

/// A record that says anything, also what no two apps should: whether a service is of an actor, and how many slots that has.
fn record(dice: &mut Dice, n: u64) -> NodeRecord {
    let mut services: Vec<String> = SERVICES.map(str::to_owned).to_vec();
    services.retain(|_| dice.below(2) == 0);
    let labels = services.iter().filter_map(|name| {
        let actor = ["actor0", "actor1"].get(usize::try_from(dice.below(3)).unwrap())?;
        Some((actor_label(name), (*actor).to_owned()))
    });
    let labels = labels.collect();
    NodeRecord {
        id: id(n),
        incarnation: Incarnation(1 + dice.below(2)),
        logic_addr: None,
        endpoints: BTreeMap::new(),
        version: "0".into(),
        weight: [0, 100, 200][usize::try_from(dice.below(3)).unwrap()],
        load: 0,
        export: false,
        state: [NodeState::Ready, NodeState::Ready, NodeState::Draining]
            [usize::try_from(dice.below(3)).unwrap()],
        labels,
        services,
        descriptors_hash: [].as_slice().into(),
    }
}

fn endpoint(env: &Env) -> Endpoint {
    let record = record(&mut Dice(1), 0);
    Endpoint {
        id: record.id.clone(),
        env: env.clone(),
        config: LinkConfig::default(),
        tls: None,
        net: None,
        record: Box::new(move || record.clone()),
        methods_hash: 1,
        going: CancellationToken::new(),
        meters: LinkMeters {
            dialled: Gauge::default(),
            accepted: Gauge::default(),
            queued_bytes: Gauge::default(),
            in_flight: Arc::new(LiveCount::default()),
            served: ServedMeters::new(&Metrics::new(env.clone(), MetricsConfig::default()))
                .unwrap(),
        },
    }
}

/// What routing sees: the instances and their slots, by service and by group.
fn shown(view: &View) -> BTreeMap<String, String> {
    let instances = view.services.iter().map(|(name, it)| (name.to_string(), it));
    let instances = instances.chain(view.groups.iter().map(|(it, of)| (format!("{it:?}"), of)));
    let mut shown: BTreeMap<_, _> = instances
        .map(|(name, it)| {
            let peers = it.links.iter().map(|(weight, links)| (links.first().peer(), *weight));
            let peers: Vec<_> = peers.collect();
            // Where nobody takes work, no slot is asked for.
            let count = if it.weight > 0 { it.slots.count() } else { 0 };
            let owners = (0..count).map(|slot| it.slots.get().owner(slot));
            let owners: Vec<_> = owners.collect();
            (name, format!("{:?} {peers:?} {} {} {owners:?}", it.actor, it.weight, it.single))
        })
        .collect();
    shown.insert("apps".to_owned(), format!("{:?}", view.nodes.keys()));
    shown
}

#[test]
fn a_view_that_was_made_change_by_change_is_the_one_of_all_apps_at_once() {
    let (env, mut dice) = (Env::real(), Dice(1));
    for round in 0..200 {
        let endpoint = endpoint(&env);
        let mesh = Mesh::new(env.clone(), id(0), 8);
        for step in 0..30 {
            let n = dice.below(APPS);
            match dice.below(6) {
                0 => mesh.forget(&id(n)),
                1 => mesh.drains(&id(n), Incarnation(1 + dice.below(2))),
                2 => mesh.session_ends(&id(n), Incarnation(1 + dice.below(2))),
                3 => mesh.session_begins(&id(n), Incarnation(1 + dice.below(2))),
                4 if step > 20 => mesh.drain(),
                _ => {
                    let link = Link::new(id(n).to_string(), &endpoint);
                    let of = record(&mut dice, n);
                    Peers::connected(&mesh, of, Place::ONLY, link);
                }
            }
            let view = mesh.view.load_full();
            // The first view of the same apps.
            mesh.view.store(Arc::default());
            let mut nodes = mesh.nodes.lock();
            nodes.touch_all();
            mesh.set_view(&mut nodes);
            let at_once = mesh.view.swap(Arc::clone(&view));
            assert_eq!(shown(&view), shown(&at_once), "round {round}, step {step}");
        }
    }
}
