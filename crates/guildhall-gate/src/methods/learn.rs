//! Reads the methods of the apps, once per hash of their descriptors, whenever the mesh changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use guildhall_core::discovery::NodeRecord;
use guildhall_runtime::Cx;
use guildhall_runtime::proto::{NodeClient, ServiceInfo};
use guildhall_runtime::raw::Interned;
use guildhall_wire::method_id;
use prost_reflect::{DescriptorPool, MethodDescriptor};

use super::{Known, Learnt, Methods, PushMethod};

/// How long an app may take to tell.
const ASK: Duration = Duration::from_secs(3);

/// Pause before an app that did not tell is asked again.
const AGAIN: Duration = Duration::from_millis(500);

/// What one kind of app serves.
struct Told {
    services: Vec<(ServiceInfo, DescriptorPool)>,
}

/// Keeps the table up to date until the app ends.
pub(crate) async fn learn(cx: Cx, methods: Arc<Methods>, methods_max: usize) {
    let mut changes = cx.mesh_changes();
    let mut interned = Interned::new(methods_max, "gate.methods_max");
    let mut told: BTreeMap<Bytes, Told> = BTreeMap::new();
    let mut published = None;
    loop {
        let nodes = cx.nodes();
        let kinds: BTreeSet<Bytes> = nodes.iter().map(kind).collect();
        told.retain(|kind, _| kinds.contains(kind));
        let mut ask: BTreeMap<Bytes, &NodeRecord> = BTreeMap::new();
        for node in &nodes {
            if !told.contains_key(&kind(node)) {
                ask.insert(kind(node), node);
            }
        }
        let asked = ask.values().map(|node| services(&cx, node));
        let answers: Vec<_> = join_all(asked).await;
        let new = ask.into_keys().zip(answers).filter_map(|(kind, told)| Some((kind, told?)));
        told.extend(new);
        let complete = kinds.iter().all(|kind| told.contains_key(kind));
        // Of two versions of a method the later app's counts, so the order of the nodes' lives is part of the state.
        let mut lives: Vec<_> = nodes.iter().map(|node| (node.incarnation, kind(node))).collect();
        lives.sort();
        if published.as_ref() != Some(&(lives.clone(), complete)) {
            let kinds = lives.iter().filter_map(|(_, kind)| told.get(kind));
            let mut known = known(kinds, &mut interned, complete);
            // That nobody serves a method now is NO_ROUTE, which passes, and not that there is no such method.
            for (id, before) in &methods.known().methods {
                known.methods.entry(*id).or_insert_with(|| Arc::clone(before));
            }
            methods.0.store(Arc::new(known));
            published = Some((lives, complete));
        }
        if complete {
            changes.changed().await;
        } else {
            let again = cx.env().now() + AGAIN;
            let _asked_again_either_way = cx.env().until(again, changes.changed()).await;
        }
    }
}

/// What tells kinds of apps apart; an app without a hash is a kind of its own.
fn kind(node: &NodeRecord) -> Bytes {
    if node.descriptors_hash.is_empty() {
        return format!("{}#{}", node.id, node.incarnation.0).into();
    }
    node.descriptors_hash.clone()
}

async fn services(cx: &Cx, node: &NodeRecord) -> Option<Told> {
    let answer = NodeClient::new(&cx.within(ASK)).at(&node.id).services(()).await;
    let services = match answer {
        Ok(answer) => answer.services,
        Err(error) => {
            tracing::debug!(app = %node.id, %error, "cannot read the methods of an app");
            return None;
        }
    };
    let mut pools: Vec<(Bytes, DescriptorPool)> = Vec::new();
    let mut told = Vec::new();
    for service in services {
        // Services of one package carry the same descriptors.
        let known = pools.iter().find(|(bytes, _)| *bytes == service.descriptors);
        let pool = match known {
            Some((_, pool)) => pool.clone(),
            None => match DescriptorPool::decode(service.descriptors.clone()) {
                Ok(pool) => {
                    pools.push((service.descriptors.clone(), pool.clone()));
                    pool
                }
                Err(error) => {
                    let service = &service.name;
                    tracing::warn!(app = %node.id, service, %error, "service descriptors do not decode; clients cannot call the service");
                    continue;
                }
            },
        };
        told.push((service, pool));
    }
    Some(Told { services: told })
}

fn known<'a>(
    told: impl Iterator<Item = &'a Told>,
    interned: &mut Interned,
    complete: bool,
) -> Known {
    let mut known = Known { complete, ..Known::default() };
    for (service, pool) in told.flat_map(|told| &told.services) {
        for method in pool.services().flat_map(|s| s.methods().collect::<Vec<_>>()) {
            let path = path(&method);
            let push = PushMethod { message: method.input(), path: path[1..].to_owned() };
            known.pushes.insert(method_id(&path), Arc::new(push));
        }
        let types = pool.get_service_by_name(&service.name);
        let types: BTreeMap<String, MethodDescriptor> =
            types.iter().flat_map(|s| s.methods()).map(|m| (path(&m), m)).collect();
        for info in &service.methods {
            let learnt = interned.get(info).and_then(|desc| {
                let types = types.get(desc.path);
                let learnt = types.and_then(|types| Learnt::new(desc, types));
                learnt.ok_or_else(|| "its descriptors do not contain it".to_owned())
            });
            match learnt {
                Ok(learnt) => {
                    known.methods.insert(learnt.desc.id, Arc::new(learnt));
                }
                Err(error) => {
                    tracing::warn!(method = info.path, error, "method is not callable by clients")
                }
            }
        }
    }
    known
}

fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}
