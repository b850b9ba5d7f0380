//! The mesh: one snapshot of apps and their services behind an atomic pointer, so that routing takes no lock.

mod changes;
mod rendezvous;
mod way;
mod links;
mod group;
mod nodes;
mod instances;
mod load;
mod version;
mod view;
mod places;
mod known;
mod sessions;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use guildhall_core::Route as Mode;
use guildhall_core::discovery::{NodeRecord, NodeState};
use guildhall_core::status::reason;
use guildhall_core::{Address, AppId, Code, Env, Incarnation, KeyText, MethodDesc, Status};
use guildhall_link::{Link, Peers, Place};
use guildhall_wire::Head;
use parking_lot::Mutex;

use crate::call::Target;
use crate::call::key::KeySlot;
use crate::call::own_calls::OwnCalls;
use instances::Instances;
use links::Open;
use nodes::{Node, Nodes};
use view::{Around, View};

pub use changes::MeshChanges;
use changes::Revision;
use load::is_same;
pub(crate) use load::{load_of, pick};
pub(crate) use places::Places;
pub(crate) use version::RouteRules;

pub use version::{RouteConfig, RouteRuleConfig};
pub(crate) use way::{Dial, Route, Way, Ways};

/// Which app serves what, among the apps that this one has a link to, or dials when a call needs one.
#[derive(Debug)]
pub(crate) struct Mesh {
    env: Env,
    /// This app.
    id: AppId,
    slots: u32,
    nodes: Mutex<Nodes>,
    /// Lives of apps whose lease sessions are over: they own no actors now. Of an app that is forgotten there is none.
    sessionless: Mutex<BTreeMap<AppId, Incarnation>>,
    view: ArcSwap<View>,
    rules: ArcSwap<RouteRules>,
    changes: Arc<Revision>,
    draining: AtomicBool,
}

impl Peers for Mesh {
    /// An earlier life of the same app is forgotten; `false` when this is the earlier one.
    fn connected(&self, record: NodeRecord, place: Place, link: Arc<Link>) -> bool {
        self.reach(record, place, Way::Link(link), None)
    }

    /// The link is closed: nothing new goes there.
    fn leave(&self, id: &AppId, link: &Arc<Link>) {
        let mut nodes = self.nodes.lock();
        let Some(node) = nodes.get_mut(id) else { return };
        if node.open.remove(link) {
            if node.open.first().is_none() {
                nodes.remove(id);
            }
            self.publish(&mut nodes);
        }
    }

    /// The app at the other end of the link is going away: nothing new goes there, on none of its links.
    fn going(&self, id: &AppId, link: &Arc<Link>) {
        let mut nodes = self.nodes.lock();
        if nodes.get(id).is_some_and(|node| node.open.has(link)) {
            nodes.remove(id);
            self.publish(&mut nodes);
        }
    }
}

impl Mesh {
    pub(crate) fn new(env: Env, id: AppId, slots: u32) -> Self {
        Self {
            env,
            id,
            slots,
            nodes: Mutex::default(),
            sessionless: Mutex::default(),
            view: ArcSwap::default(),
            rules: ArcSwap::default(),
            changes: Arc::default(),
            draining: AtomicBool::new(false),
        }
    }

    /// This app itself can be called.
    pub(crate) fn add_own(&self, record: NodeRecord, own: &Arc<OwnCalls>) {
        self.reach(record, Place::ONLY, Way::Own(Arc::clone(own)), None);
    }

    /// There is a way to this life of an app; the others are dialled on demand where there is a `dial`.
    fn reach(&self, record: NodeRecord, place: Place, way: Way, dial: Option<&Arc<Dial>>) -> bool {
        let mut nodes = self.nodes.lock();
        // Under the lock: an app that discovery drops after this leaves `nodes` after this.
        if dial.is_some_and(|dial| dial.is_gone()) {
            return false;
        }
        nodes.log_twin(&record);
        let mut known = None;
        let mut open = match nodes.remove(&record.id) {
            Some(present) if present.record.incarnation > record.incarnation => {
                nodes.put(present);
                return false;
            }
            Some(present) if present.record.incarnation == record.incarnation => {
                known = Some(present.record);
                present.open
            }
            _ => dial.map(Open::on_demand).unwrap_or_default(),
        };
        open.put(place, way);
        open.set_load(record.load);
        // What was known before a dial is not news.
        let same = dial.is_some() && known.is_some_and(|known| is_same(&known, &record));
        nodes.put(Node::new(record, open));
        self.set_view(&mut nodes);
        if !same {
            self.changes.grow();
        }
        true
    }

    /// The app is gone or going: nothing new goes there.
    pub(crate) fn forget(&self, id: &AppId) {
        let mut nodes = self.nodes.lock();
        self.sessionless.lock().remove(id);
        if nodes.remove(id).is_some() {
            self.publish(&mut nodes);
        }
    }

    /// Another app has said that it drains: nothing new belongs to it, and what it still owns is asked of it over its link.
    pub(crate) fn drains(&self, id: &AppId, incarnation: Incarnation) {
        let mut nodes = self.nodes.lock();
        let Some(Node { record, .. }) = nodes.get_mut(id) else { return };
        if record.incarnation == incarnation && record.state != NodeState::Draining {
            record.state = NodeState::Draining;
            self.publish(&mut nodes);
        }
    }

    /// Whether this life of an app is known, and can be reached as far as that is known.
    pub(crate) fn is_linked(&self, id: &AppId, incarnation: Incarnation) -> bool {
        self.nodes.lock().get(id).is_some_and(|node| node.record.incarnation == incarnation)
    }

    /// Puts rules into force.
    pub(crate) fn set_rules(&self, rules: RouteRules) {
        let mut nodes = self.nodes.lock();
        self.rules.store(Arc::new(rules));
        self.publish(&mut nodes);
    }

    /// This app drains: its calls go to others from now on, as far as there are any.
    pub(crate) fn drain(&self) {
        let mut nodes = self.nodes.lock();
        if let Some(Node { record, .. }) = nodes.get_mut(&self.id) {
            record.state = NodeState::Draining;
            self.draining.store(true, Ordering::Relaxed);
            self.publish(&mut nodes);
        }
    }

    fn publish(&self, nodes: &mut Nodes) {
        self.set_view(nodes);
        self.changes.grow();
    }

    /// Sets the view, where it is not news.
    fn set_view(&self, nodes: &mut Nodes) {
        let touched = nodes.take_touched();
        let around = Around {
            id: &self.id,
            is_draining: self.draining.load(Ordering::Relaxed),
            slots: self.slots,
            rules: &self.rules.load(),
            sessionless: &self.sessionless.lock(),
        };
        let view = self.view.load().after(nodes, touched, around);
        self.view.store(Arc::new(view));
    }

    /// The apps that there are links to, or that are dialled on demand and were not found to be unreachable.
    pub(crate) fn nodes(&self) -> Vec<NodeRecord> {
        self.nodes.lock().iter().map(|node| node.record.clone()).collect()
    }

    /// Number of changes of the view so far.
    pub(crate) fn revision(&self) -> u64 {
        self.changes.number()
    }

    pub(crate) fn changes(&self) -> MeshChanges {
        self.changes_since(self.revision())
    }

    /// Follows the changes after revision `seen`.
    pub(crate) fn changes_since(&self, seen: u64) -> MeshChanges {
        MeshChanges::since(&self.changes, seen)
    }

    /// The ways to all ready instances of a service.
    pub(crate) fn all(&self, service: &str) -> Vec<Way> {
        let view = self.view.load();
        let instances = view.services.get(service);
        instances.into_iter().flat_map(|i| &i.links).map(|(_, l)| l.first().clone()).collect()
    }

    /// The id of the app at an address.
    pub(crate) fn id_of(&self, app: &Address) -> Result<AppId, Status> {
        let view = self.view.load();
        view.id_of(app).cloned().ok_or_else(|| no_route(&format!("app {app}")))
    }

    /// Where a call goes.
    pub(crate) fn route(
        &self,
        method: &MethodDesc,
        target: &Target,
        key: KeyText<'_>,
        head: Option<&Arc<Head>>,
    ) -> Result<Route, Status> {
        let view = self.view.load();
        if let Target::At(app) = target {
            let way = view.id_of(app).and_then(|id| view.nodes.get(id));
            let way = way.ok_or_else(|| no_route(&format!("app {app}")))?;
            return Ok(Route { link: way.link(), slot: None, is_fixed: false });
        }
        let instances = view.services.get(method.service).filter(|i| i.weight > 0);
        let mut instances = instances.ok_or_else(|| no_route(method.service))?;
        // Few apps have rules: most calls need no look.
        let versions =
            if view.versions.is_empty() { None } else { view.versions.get(method.service) };
        if let Some(versions) = versions {
            let key =
                if let Target::Hash(key) = target { KeyText::Text(key.as_str()) } else { key };
            instances = versions.of(&self.env, head.map(|head| &**head), key).unwrap_or(instances);
        }
        let slot = match (target, key) {
            (Target::Hash(key), _) => Some(instances.slot(method, KeyText::Text(key.as_str()))?),
            (Target::Default, KeyText::Text(_) | KeyText::Uint(_) | KeyText::Int(_)) => {
                Some(instances.slot(method, key)?)
            }
            _ => None,
        };
        let mode = match target {
            Target::Default => method.route,
            _ => Mode::Random,
        };
        let at = match slot {
            Some(slot) => instances.slots.get().owner(slot),
            None if mode == Mode::Single => instances.single,
            None if mode == Mode::LeastLoad => self.least_loaded(instances),
            None => self.random(instances),
        };
        let link = instances.links[at].1.pick(method.model, slot).link();
        let of = instances.slots.count();
        // The key of `Hash` is not that of the actor.
        let slot = slot.filter(|_| matches!(target, Target::Default));
        let is_fixed = slot.is_some() && versions.is_none();
        Ok(Route { link, slot: slot.map(|at| KeySlot { at, of }), is_fixed })
    }

    /// The actor type behind a service.
    pub(crate) fn actor_of(&self, service: &str) -> Option<Arc<str>> {
        self.view.load().services.get(service)?.actor.clone()
    }

    /// The way to the app that has the actor of this key, as another app has said.
    pub(crate) fn route_to(
        &self,
        app: &AppId,
        method: &MethodDesc,
        key: KeyText<'_>,
    ) -> Result<Route, Status> {
        let view = self.view.load();
        let instances = view.services.get(method.service);
        // Calls of one key stay on one of the links.
        let way = match instances {
            Some(instances) => instances
                .links
                .iter()
                .find(|(_, links)| links.first().peer() == app.as_str())
                .map(|(_, links)| {
                    Ok::<_, Status>(links.pick(method.model, Some(instances.slot(method, key)?)))
                })
                .transpose()?,
            None => None,
        };
        let way = way.or_else(|| view.nodes.get(app));
        let way = way.ok_or_else(|| no_route(&format!("app {app}")))?;
        Ok(Route { link: way.link(), slot: None, is_fixed: false })
    }

    fn random(&self, instances: &Instances) -> usize {
        if instances.links.len() == 1 {
            return 0;
        }
        let weights = instances.links.iter().map(|(weight, _)| *weight);
        pick(&self.env, instances.weight, weights).unwrap_or_default()
    }
}

fn no_route(what: &str) -> Status {
    let why = format!("no ready app for {what}: is one running, and does it list this service?");
    Status::not_run(Code::Unavailable, reason::NO_ROUTE, why)
}
