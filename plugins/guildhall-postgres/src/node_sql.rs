//! The statements of discovery.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use guildhall_core::discovery::NodeRecord;
use guildhall_core::{AppId, Incarnation};

use crate::cluster::{Cluster, Of};
use crate::letter;
use crate::session::Statement;
use crate::sql::Params;

/// Renews a record that is as it was; a row if it is.
pub(crate) fn renew(
    cluster: &Cluster,
    node: &NodeRecord,
    record: &[u8],
    ttl_ms: i64,
    beat: i64,
) -> Statement {
    let mut params = Params::default();
    let (app, life) = (params.text(node.id.to_string()), params.uint(node.incarnation.0));
    let (record, ttl, beat) = (params.bytes(record), params.int(ttl_ms), params.int(beat));
    let sql = format!(
        "UPDATE {} SET beat = {beat}, ttl_ms = {ttl} \
         WHERE app = {app} AND incarnation = {life} AND record = {record} RETURNING 1",
        cluster.table("guildhall_nodes")
    );
    Statement::new(sql, params)
}

/// Puts a record, unless there is one of a later life. Returns the life of the one that was there, and whether it is put.
pub(crate) fn put(
    cluster: &Cluster,
    node: &NodeRecord,
    record: &[u8],
    ttl_ms: i64,
    beat: i64,
) -> Statement {
    let mut params = Params::default();
    let (app, life) = (params.text(node.id.to_string()), params.uint(node.incarnation.0));
    let (bytes, ttl, beat) = (params.bytes(record), params.int(ttl_ms), params.int(beat));
    let channel = params.text(cluster.channel(Of::Nodes));
    let parts = params.texts(letter::parts(&format!("P {}", BASE64.encode(record))));
    let (nodes, state) = (cluster.table("guildhall_nodes"), cluster.table("guildhall_node_state"));
    let sql = format!(
        "WITH was AS (SELECT incarnation FROM {nodes} WHERE app = {app}), \
         put AS (INSERT INTO {nodes} AS n VALUES ({app}, {life}, {bytes}, {ttl}, {beat}) \
         ON CONFLICT (app) DO UPDATE SET incarnation = excluded.incarnation, record = excluded.record, \
         ttl_ms = excluded.ttl_ms, beat = excluded.beat WHERE n.incarnation <= excluded.incarnation RETURNING 1), \
         counted AS (UPDATE {state} SET changes = changes + 1 WHERE EXISTS (SELECT FROM put) RETURNING changes), \
         told AS (SELECT pg_notify({channel}, changes || ' ' || part) \
         FROM counted, unnest({parts}) WITH ORDINALITY AS p (part, n) ORDER BY n) \
         SELECT (SELECT incarnation::text FROM was), EXISTS (SELECT FROM put), (SELECT count(*) FROM told)"
    );
    Statement::new(sql, params)
}

/// Removes records that still have the beat that was seen.
pub(crate) fn remove_silent(cluster: &Cluster, silent: Vec<(String, i64)>) -> Statement {
    let (apps, beats) = silent.into_iter().map(|(app, beat)| (app, beat.to_string())).unzip();
    let mut params = Params::default();
    let (apps, beats) = (params.texts(apps), params.texts(beats));
    let of = format!(
        "USING unnest({apps}, {beats}) AS silent (app, beat) \
         WHERE n.app = silent.app AND n.beat = silent.beat::bigint"
    );
    remove_of(cluster, params, &of)
}

/// Removes the record of an app in this life.
pub(crate) fn remove(cluster: &Cluster, id: &AppId, incarnation: Incarnation) -> Statement {
    let mut params = Params::default();
    let (app, life) = (params.text(id.to_string()), params.uint(incarnation.0));
    let of = format!("WHERE n.app = {app} AND n.incarnation = {life}");
    remove_of(cluster, params, &of)
}

fn remove_of(cluster: &Cluster, mut params: Params, of: &str) -> Statement {
    let channel = params.text(cluster.channel(Of::Nodes));
    let (nodes, state) = (cluster.table("guildhall_nodes"), cluster.table("guildhall_node_state"));
    let sql = format!(
        "WITH gone AS (DELETE FROM {nodes} AS n {of} RETURNING n.app, n.incarnation), \
         counted AS (UPDATE {state} SET changes = changes + 1 WHERE EXISTS (SELECT FROM gone) RETURNING changes), \
         told AS (SELECT pg_notify({channel}, changes || ' 0 1 R ' || app || ' ' || incarnation) FROM gone, counted) \
         SELECT count(*) FROM told"
    );
    Statement::new(sql, params)
}

/// All records, with the number of the last change.
pub(crate) fn read(cluster: &Cluster, most: usize) -> Statement {
    let sql = format!(
        "SELECT s.changes, n.record FROM {} AS s LEFT JOIN {} AS n ON true LIMIT {most}",
        cluster.table("guildhall_node_state"),
        cluster.table("guildhall_nodes")
    );
    Statement::new(sql, Params::default())
}
