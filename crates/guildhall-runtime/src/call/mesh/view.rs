//! [`View`]: what routing looks at, made again where something has changed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use guildhall_core::discovery::{NodeRecord, NodeState, actor_label};
use guildhall_core::hash::IdHasher;
use guildhall_core::{Address, AppId, Incarnation, LogicAddr};

use super::group::Group;
use super::instances::{Instances, Member};
use super::nodes::{Node, Nodes};
use super::version::{RouteRules, Versions};
use super::way::Way;

/// Names of services come from apps that have proven themselves, and are few: no seed is needed.
type ByName<T> = HashMap<Arc<str>, T, BuildHasherDefault<IdHasher>>;

/// The members of groups, by ascending id.
type Members<'n> = BTreeMap<&'n Group, Vec<Member<'n>>>;

/// An immutable snapshot.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) services: ByName<Arc<Instances>>,
    pub(super) groups: HashMap<Group, Arc<Instances>>,
    /// Of services that have rules.
    pub(super) versions: HashMap<String, Versions>,
    pub(super) nodes: BTreeMap<AppId, Way>,
    numbers: BTreeMap<LogicAddr, AppId>,
}

/// What a view depends on besides the apps that are known.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    /// This app.
    pub(super) id: &'a AppId,
    pub(super) is_draining: bool,
    /// Of services, and of actor types that say none.
    pub(super) slots: u32,
    pub(super) rules: &'a RouteRules,
    /// Lives of apps whose lease sessions are over.
    pub(super) sessionless: &'a BTreeMap<AppId, Incarnation>,
}

impl View {
    /// The view after changes of apps of the groups `touched`; the other groups are as they were.
    pub(super) fn after(
        &self,
        nodes: &Nodes,
        mut touched: BTreeSet<Group>,
        around: Around<'_>,
    ) -> Self {
        let rules = around.rules;
        touched.extend(rules.services().map(|service| Group::Service(service.to_owned())));
        let members = around.members(nodes, &touched);
        let make = |group: &Group, members: Vec<Member<'_>>| {
            let before = self.groups.get(group).map(|before| &**before);
            Instances::new(group, members, around.slots, before)
        };
        let versions = rules.split(
            |service| members.get(&Group::Service(service.to_owned())).map(Vec::as_slice),
            |service| {
                let label = actor_label(service);
                nodes.iter().any(|node| node.record.labels.contains_key(&label))
            },
            |service, some| make(&Group::Service(service.to_owned()), some),
        );
        let mut groups = self.groups.clone();
        groups.retain(|group, _| !touched.contains(group));
        let made = members.into_iter();
        groups.extend(made.map(|(group, members)| (group.clone(), make(group, members))));
        let services = self.services_after(around.here(nodes), &touched, &groups);
        let way = |node: &Node| Some((node.record.id.clone(), node.open.first()?.clone()));
        // Of two apps with one number the one with the smaller id has it.
        let numbered = nodes.iter().rev().map(|node| &node.record);
        let numbers = numbered.filter_map(|record| Some((record.logic_addr?, record.id.clone())));
        Self {
            services,
            groups,
            versions,
            nodes: nodes.iter().filter_map(way).collect(),
            numbers: numbers.collect(),
        }
    }

    /// The instances of each service. Where apps do not agree of which group it is, that is the greatest: one of an actor type.
    fn services_after<'n>(
        &self,
        nodes: impl Iterator<Item = &'n Node>,
        touched: &BTreeSet<Group>,
        groups: &HashMap<Group, Arc<Instances>>,
    ) -> ByName<Arc<Instances>> {
        let mut services = self.services.clone();
        let is_touched = |instances: &Instances| touched.contains(&instances.group);
        let lost = self.services.iter().filter(|(_, instances)| is_touched(instances));
        let lost: BTreeSet<&Arc<str>> = lost.map(|(name, _)| name).collect();
        services.retain(|_, instances| !is_touched(instances));
        for (name, group) in nodes.flat_map(|node| &node.services) {
            if (touched.contains(group) || lost.contains(name))
                && let Some(instances) = groups.get(group)
                && services.get(name).is_none_or(|it| it.group < instances.group)
            {
                services.insert(Arc::clone(name), Arc::clone(instances));
            }
        }
        services
    }

    pub(super) fn id_of<'a>(&'a self, app: &'a Address) -> Option<&'a AppId> {
        match app {
            Address::App(id) => Some(id),
            Address::Logic(addr) => self.numbers.get(addr),
        }
    }
}

impl Around<'_> {
    /// The apps of this app's world.
    fn here<'n>(&self, nodes: &'n Nodes) -> impl Iterator<Item = &'n Node> {
        let world = self.id.world();
        nodes.iter().filter(move |node| node.record.id.world() == world)
    }

    fn members<'n>(&self, nodes: &'n Nodes, touched: &BTreeSet<Group>) -> Members<'n> {
        let (mut members, mut ready) = (Members::new(), BTreeSet::new());
        for node in self.here(nodes) {
            let record = &node.record;
            let (is_ready, links) = (record.state == NodeState::Ready, node.open.links());
            let stays = self.is_draining && record.id == *self.id;
            for (_, group) in node.services.iter().filter(|(_, it)| touched.contains(it)) {
                if is_ready {
                    ready.insert(group);
                }
                if let Some(links) = links.as_ref().filter(|_| is_ready || stays) {
                    let members = members.entry(group).or_default();
                    if members.last().is_none_or(|(last, _)| !std::ptr::eq(*last, record)) {
                        members.push((record, links.clone()));
                    }
                }
            }
        }
        // A draining app keeps serving what no other app serves.
        for (_, members) in members.iter_mut().filter(|(group, _)| ready.contains(*group)) {
            members.retain(|(record, _)| record.state == NodeState::Ready);
        }
        self.leave_out_sessionless(&mut members);
        members
    }

    /// Takes apps whose lease sessions are over out of the groups of actors, where another app is left. Where no app has a session, calls
    /// wait at those that had one: they suspend their actors, and go on.
    fn leave_out_sessionless(&self, members: &mut Members<'_>) {
        let owns =
            |record: &NodeRecord| self.sessionless.get(&record.id) != Some(&record.incarnation);
        for (_, members) in members.iter_mut().filter(|(group, _)| group.actor().is_some()) {
            if members.iter().any(|(record, _)| owns(record) && record.weight > 0) {
                members.retain(|(record, _)| owns(record));
            }
        }
    }
}

#[cfg(test)]
mod tests;
