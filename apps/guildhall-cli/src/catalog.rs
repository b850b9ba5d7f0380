//! The services of a cluster, read from its apps: methods, options, and message types.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use futures_util::future::join_all;
use guildhall_core::config::hint;
use guildhall_core::discovery::NodeRecord;
use guildhall_core::{AppId, Status};
use guildhall_runtime::Cx;
use guildhall_runtime::proto::{MethodInfo, NodeClient, ServicesRsp};
use prost_reflect::{DescriptorPool, MethodDescriptor};

use crate::out::complain;

/// How long an app may take to tell.
pub(crate) const ASK: Duration = Duration::from_secs(3);

/// Services by name, those of the framework included.
pub(crate) type Catalog = BTreeMap<String, Service>;

/// A service that some app serves.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) apps: Vec<AppId>,
    pub(crate) methods: Vec<Method>,
}

/// A method, with the types of its messages.
#[derive(Clone, Debug)]
pub(crate) struct Method {
    pub(crate) info: MethodInfo,
    pub(crate) types: MethodDescriptor,
}

impl Method {
    /// `package.Service/Method`.
    pub(crate) fn path(&self) -> &str {
        self.info.path.trim_start_matches('/')
    }
}

/// Services that every app has.
pub(crate) fn is_of_the_framework(service: &str) -> bool {
    service.starts_with("guildhall.")
}

/// What one app of each kind says that it serves.
async fn told(cx: &Cx, nodes: &[NodeRecord]) -> Vec<(NodeRecord, Result<ServicesRsp, Status>)> {
    let mut kinds: Vec<&NodeRecord> = Vec::new();
    for node in nodes {
        if !kinds.iter().any(|kind| kind.descriptors_hash == node.descriptors_hash) {
            kinds.push(node);
        }
    }
    let within = cx.within(ASK);
    let clients: Vec<_> = kinds.iter().map(|node| NodeClient::new(&within).at(&node.id)).collect();
    let told = join_all(clients.iter().map(|client| client.services(()))).await;
    kinds.into_iter().cloned().zip(told).collect()
}

/// Asks each kind of app once.
pub(crate) async fn ask(cx: &Cx, nodes: &[NodeRecord]) -> Result<Catalog> {
    let mut catalog = Catalog::new();
    for (kind, told) in told(cx, nodes).await {
        let told = match told {
            Ok(told) => told,
            Err(status) => {
                complain(&format!("cannot read the services of {}: {status}", kind.id));
                continue;
            }
        };
        let apps: Vec<AppId> = nodes
            .iter()
            .filter(|node| node.descriptors_hash == kind.descriptors_hash)
            .map(|node| node.id.clone())
            .collect();
        add(&mut catalog, told, &apps).with_context(|| format!("what {} serves", kind.id))?;
    }
    catalog.values_mut().for_each(|service| service.apps.sort());
    Ok(catalog)
}

/// All message types of the apps: each kind of app is asked once, and has to answer.
pub(crate) async fn types(cx: &Cx, nodes: &[NodeRecord]) -> Result<Vec<DescriptorPool>> {
    let (mut seen, mut pools) = (HashSet::new(), Vec::new());
    for (kind, told) in told(cx, nodes).await {
        let told =
            told.map_err(|status| anyhow!("cannot read the services of {}: {status}", kind.id))?;
        for service in told.services {
            if seen.insert(service.descriptors.clone()) {
                let pool = DescriptorPool::decode(service.descriptors).with_context(|| {
                    format!("the descriptors of {} of {}", service.name, kind.id)
                })?;
                pools.push(pool);
            }
        }
    }
    Ok(pools)
}

fn add(catalog: &mut Catalog, told: ServicesRsp, apps: &[AppId]) -> Result<()> {
    for service in told.services {
        let pool = DescriptorPool::decode(service.descriptors)
            .with_context(|| format!("the descriptors of {}", service.name))?;
        let types = pool.get_service_by_name(&service.name);
        let types = types.with_context(|| format!("{} is not in its descriptors", service.name))?;
        let method = |info: MethodInfo| {
            let name = info.path.rsplit('/').next().unwrap_or_default();
            let types = types.methods().find(|method| method.name() == name);
            let types = types.ok_or_else(|| anyhow!("{} is not in its descriptors", info.path))?;
            Ok(Method { info, types })
        };
        let methods = service.methods.into_iter().map(method).collect::<Result<_>>()?;
        let entry =
            catalog.entry(service.name).or_insert_with(|| Service { apps: Vec::new(), methods });
        entry.apps.extend_from_slice(apps);
    }
    Ok(())
}

/// The method that `name` means: `package.Service/Method`, or as much of its end as names one.
pub(crate) fn find<'a>(catalog: &'a Catalog, name: &str) -> Result<&'a Method> {
    let name = name.trim_start_matches('/');
    let methods: Vec<&Method> = catalog.values().flat_map(|service| &service.methods).collect();
    let ends_so = |path: &str| {
        path.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let found: Vec<&Method> = methods.iter().copied().filter(|m| ends_so(m.path())).collect();
    if let Some(exact) = found.iter().find(|method| method.path() == name) {
        return Ok(exact);
    }
    match found[..] {
        [one] => Ok(one),
        [] => {
            // As long as what was written, so that a misspelt short name finds its like.
            let dots = name.split('/').next().unwrap_or_default().matches('.').count();
            let known = methods.iter().map(|method| method.path());
            let known =
                known.filter(|path| is_of_the_framework(name) || !is_of_the_framework(path));
            let known: Vec<&str> = known.map(|path| last_labels(path, dots)).collect();
            bail!("no app serves `{name}`; {}", hint(name, known.iter().copied()))
        }
        [..] => {
            let all: Vec<&str> = found.iter().map(|method| method.path()).collect();
            bail!("`{name}` may be any of {}; write which", all.join(", "))
        }
    }
}

/// The end of `package.Service/Method` that has so many dots before the slash.
fn last_labels(path: &str, dots: usize) -> &str {
    let service = path.split('/').next().unwrap_or_default();
    let begin = service.rmatch_indices('.').nth(dots).map_or(0, |(at, _)| at + 1);
    &path[begin..]
}
