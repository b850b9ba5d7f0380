//! What each backend guarantees, as a table: from what the plugins say of themselves.

use guildhall_core::store::{BatchReach, Store};
use guildhall_core::{Backend, Config, Env, Opening};

/// A URL of each scheme, without a server behind it: plugins connect at their first request.
const URLS: &[&str] = &[
    "postgres://game:secret@127.0.0.1/game",
    "mysql://game:secret@127.0.0.1/game",
    "redis://127.0.0.1",
    "mongodb://127.0.0.1/game",
    "nats://127.0.0.1",
    "etcd://127.0.0.1",
    "consul://127.0.0.1",
    "zeromq://127.0.0.1:0",
    "amqp://127.0.0.1",
];

/// A line per backend of this build, in Markdown.
pub(crate) async fn table() -> String {
    let (env, config) = (Env::real(), Config::builder().build().unwrap());
    let id = "docs.w1.table.1".parse().unwrap();
    let mut lines = vec![
        "| backend | discovery | leases | store | broker | queue |".to_owned(),
        "|---|---|---|---|---|---|".to_owned(),
    ];
    let plugins = guildhall_backends::all();
    for url in URLS {
        let scheme = url.split(':').next().unwrap();
        let plugin = plugins.iter().find(|plugin| plugin.schemes().contains(&scheme));
        if let Some(plugin) = plugin {
            let opening = Opening { env: &env, config: &config, id: &id, url };
            lines.push(line(scheme, &plugin.open(opening).await.unwrap()));
        }
    }
    lines.join("\n") + "\n"
}

fn line(scheme: &str, backend: &Backend) -> String {
    let discovery = backend.discovery.as_ref().map(|_| "yes".to_owned());
    let leases = backend.leases.as_ref().map(|leases| match leases.capabilities().durable_epochs {
        true => "survive a restart".to_owned(),
        false => "end with a restart".to_owned(),
    });
    let broker = backend.broker.as_ref().map(|_| "at most once".to_owned());
    let queue = backend.queue.as_ref().map(|queue| {
        let capabilities = queue.capabilities();
        let times = match capabilities.ack_wait {
            Some(wait) => {
                let at_once = match capabilities.returns_on_disconnect {
                    true => " or a lost connection",
                    false => "",
                };
                format!("at least once, again after {} s{at_once}", wait.as_secs())
            }
            None => "at most once".to_owned(),
        };
        format!("{times}{}", if capabilities.durable { ", durable" } else { ", in memory" })
    });
    let cells = [discovery, leases, backend.store.as_deref().map(store), broker, queue];
    let cells = cells.map(|cell| cell.unwrap_or_else(|| "-".to_owned()));
    format!("| `{scheme}:` | {} |", cells.join(" | "))
}

fn store(store: &dyn Store) -> String {
    let capabilities = store.capabilities();
    let batch = match capabilities.batch {
        BatchReach::Row => "atomic per row",
        BatchReach::Owner => "atomic per owner",
        BatchReach::Any => "atomic over rows",
    };
    let also = [
        (capabilities.unique, "unique values"),
        (capabilities.order, "queries in order"),
        (capabilities.durable, "durable"),
    ];
    let also = also.into_iter().filter(|(has, _)| *has).map(|(_, what)| what);
    [batch].into_iter().chain(also).collect::<Vec<_>>().join(", ")
}
