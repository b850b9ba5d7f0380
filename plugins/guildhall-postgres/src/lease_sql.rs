//! The statements of leases. Each decides and writes by itself, under the lock of all who change leases; so it sees all changes before it.
//!
//! Epochs and numbers of sessions come from one count, `given`, which outlives all leases and all sessions.

use guildhall_core::leases::Wanted;
use guildhall_core::store::{Holder, LeaseId};

use crate::cluster::{Cluster, Of, TIMELINE};
use crate::session::Statement;
use crate::sql::{Params, escaped};

/// How many grants a replica may have missed when it is promoted.
const MISSED_MAX: u64 = 1 << 24;

/// A statement under construction.
struct Sql<'a> {
    cluster: &'a Cluster,
    params: Params,
    state: String,
    sessions: String,
    leases: String,
}

impl<'a> Sql<'a> {
    fn new(cluster: &'a Cluster) -> Self {
        let table = |name| cluster.table(name);
        Self {
            cluster,
            params: Params::default(),
            state: table("guildhall_lease_state"),
            sessions: table("guildhall_lease_sessions"),
            leases: table("guildhall_leases"),
        }
    }

    /// The condition of rows of this holder.
    fn is(&mut self, of: &str, holder: &Holder) -> String {
        let (app, life) = self.holder(holder);
        format!("{of}app = {app} AND {of}incarnation = {life}")
    }

    fn holder(&mut self, holder: &Holder) -> (String, String) {
        (self.params.text(holder.app.to_string()), self.params.uint(holder.incarnation.0))
    }

    /// The notifications of grants, from the rows of `granted` and the number in `raised`; as `told`.
    fn tell_held(&mut self) -> String {
        let channel = self.params.text(self.cluster.channel(Of::Leases));
        format!(
            "told AS (SELECT pg_notify({channel}, changes || ' 0 1 H ' || epoch || ' ' || COALESCE(from_epoch::text, '-') || ' ' || \
             COALESCE(from_offer::text, '-') || ' ' || app || ' ' || incarnation || ' ' || id) FROM granted, raised ORDER BY epoch)"
        )
    }

    /// The same of ids that are free, from the rows of `freed`. `raised` counts the change.
    fn tell_free(&mut self) -> String {
        let (channel, state) = (self.params.text(self.cluster.channel(Of::Leases)), &self.state);
        format!(
            "raised AS (UPDATE {state} SET changes = changes + 1 WHERE EXISTS (SELECT FROM freed) RETURNING changes), \
             told AS (SELECT pg_notify({channel}, changes || ' 0 1 F ' || id) FROM freed, raised)"
        )
    }

    /// Ends the sessions of `ended`, with all that they held.
    fn end(mut self, ended: &str) -> Statement {
        let (told, leases) = (self.tell_free(), &self.leases);
        let sql = format!(
            "WITH ended AS ({ended} RETURNING s.app, s.incarnation), \
             freed AS (DELETE FROM {leases} AS l USING ended AS e WHERE l.app = e.app AND l.incarnation = e.incarnation \
             RETURNING l.id), {told} SELECT count(*) FROM told"
        );
        Statement::new(sql, self.params)
    }
}

/// Opens a session with this first beat. Returns whether the server is at home, the number of the living session, that of the new one,
/// and how many there are.
pub(crate) fn open(
    cluster: &Cluster,
    holder: &Holder,
    instead_of: Option<u64>,
    ttl_ms: i64,
    beat: i64,
    sessions_max: usize,
) -> Statement {
    let mut sql = Sql::new(cluster);
    let (app, life) = sql.holder(holder);
    let is = sql.is("", holder);
    let instead = sql.params.uint(instead_of.unwrap_or(0));
    let (ttl, beat) = (sql.params.int(ttl_ms), sql.params.int(beat));
    let channel = sql.params.text(cluster.channel(Of::Leases));
    let Sql { state, sessions, leases, .. } = &sql;
    let text = format!(
        "WITH me AS (SELECT number FROM {sessions} WHERE {is}), \
         there AS (SELECT count(*) AS n FROM {sessions}), \
         raised AS (UPDATE {state} SET given = given + 1, changes = changes + 1, ttl_ms_max = GREATEST(ttl_ms_max, {ttl}) \
         WHERE timeline = {TIMELINE} AND NOT EXISTS (SELECT FROM me WHERE number <> {instead}) \
         AND (SELECT n FROM there) < {sessions_max} RETURNING given, changes), \
         made AS (INSERT INTO {sessions} AS s SELECT {app}, {life}, given, {ttl}, {beat} FROM raised \
         ON CONFLICT (app, incarnation) DO UPDATE SET number = excluded.number, ttl_ms = excluded.ttl_ms, \
         beat = excluded.beat RETURNING number), \
         freed AS (DELETE FROM {leases} WHERE {is} AND EXISTS (SELECT FROM made) RETURNING id), \
         told AS (SELECT pg_notify({channel}, changes || ' 0 1 F ' || id) FROM freed, raised) \
         SELECT (SELECT timeline = {TIMELINE} FROM {state}), (SELECT number::text FROM me), \
         (SELECT number::text FROM made), (SELECT n FROM there), (SELECT count(*) FROM told)"
    );
    Statement::new(text, sql.params)
}

/// Renews a session; a row if it is there and the server is at home.
pub(crate) fn keep_alive(cluster: &Cluster, holder: &Holder, number: u64, beat: i64) -> Statement {
    let mut sql = Sql::new(cluster);
    let (beat, is, number) = (sql.params.int(beat), sql.is("", holder), sql.params.uint(number));
    let (state, sessions) = (&sql.state, &sql.sessions);
    let text = format!(
        "UPDATE {sessions} SET beat = {beat} WHERE {is} AND number = {number} \
         AND (SELECT timeline = {TIMELINE} FROM {state}) RETURNING 1"
    );
    Statement::new(text, sql.params)
}

/// Ends the session of this number.
pub(crate) fn close(cluster: &Cluster, holder: &Holder, number: u64) -> Statement {
    let mut sql = Sql::new(cluster);
    let (is, number) = (sql.is("s.", holder), sql.params.uint(number));
    let ended = format!("DELETE FROM {} AS s WHERE {is} AND s.number = {number}", sql.sessions);
    sql.end(&ended)
}

/// Ends sessions that still have the beat that was seen.
pub(crate) fn end_silent(cluster: &Cluster, silent: Vec<(String, i64)>) -> Statement {
    let mut sql = Sql::new(cluster);
    let (numbers, beats) =
        silent.into_iter().map(|(number, beat)| (number, beat.to_string())).unzip();
    let (numbers, beats) = (sql.params.texts(numbers), sql.params.texts(beats));
    let ended = format!(
        "DELETE FROM {} AS s USING unnest({numbers}, {beats}) AS silent (number, beat) \
         WHERE s.number = silent.number::numeric AND s.beat = silent.beat::bigint",
        sql.sessions
    );
    sql.end(&ended)
}

/// Ends all sessions of another timeline, and grants from now on above all that it may have granted.
pub(crate) fn begin_anew(cluster: &Cluster) -> Statement {
    let mut sql = Sql::new(cluster);
    let channel = sql.params.text(cluster.channel(Of::Leases));
    let Sql { state, sessions, leases, .. } = &sql;
    let text = format!(
        "WITH raised AS (UPDATE {state} SET given = given + {MISSED_MAX}, changes = changes + {MISSED_MAX}, timeline = {TIMELINE} \
         WHERE timeline <> {TIMELINE} RETURNING changes), \
         ended AS (DELETE FROM {sessions} WHERE EXISTS (SELECT FROM raised)), \
         freed AS (DELETE FROM {leases} WHERE EXISTS (SELECT FROM raised) RETURNING id), \
         told AS (SELECT pg_notify({channel}, changes || ' 0 1 F ' || id) FROM freed, raised) \
         SELECT count(*) FROM told"
    );
    Statement::new(text, sql.params)
}

/// Requests ids, each once. Returns whether the server is at home, whether there is a session, and for each id in its order: the other
/// holder and its epoch, or the new epoch; and where the grant comes from.
pub(crate) fn acquire(cluster: &Cluster, holder: &Holder, wanted: &[&Wanted]) -> Statement {
    let mut sql = Sql::new(cluster);
    let (app, life) = sql.holder(holder);
    let is = sql.is("", holder);
    let ids = sql.params.texts(wanted.iter().map(|wish| escaped(&wish.id)).collect());
    let floors = sql.params.texts(wanted.iter().map(|wish| wish.at_least.to_string()).collect());
    let told = sql.tell_held();
    let Sql { state, sessions, leases, .. } = &sql;
    let text = format!(
        "WITH home AS (SELECT given, timeline = {TIMELINE} AS here FROM {state}), \
         me AS (SELECT FROM {sessions} WHERE {is}), \
         wanted AS (SELECT w.n, w.id, w.floor::numeric AS floor, l.app, l.incarnation, l.epoch, l.from_epoch, l.from_offer \
         FROM unnest({ids}, {floors}) WITH ORDINALITY AS w (id, floor, n) LEFT JOIN {leases} AS l ON l.id = w.id), \
         free AS (SELECT id, floor, from_epoch, from_offer, row_number() OVER (ORDER BY n) AS k FROM wanted \
         WHERE (app IS NULL OR ({is})) AND EXISTS (SELECT FROM me) AND (SELECT here FROM home)), \
         base AS (SELECT GREATEST((SELECT given FROM home), max(floor)) AS epoch, count(*) AS n FROM free), \
         raised AS (UPDATE {state} AS s SET given = base.epoch + base.n, changes = s.changes + 1 FROM base WHERE base.n > 0 \
         RETURNING s.changes), \
         granted AS (INSERT INTO {leases} SELECT free.id, {app}, {life}, base.epoch + free.k, free.from_epoch, free.from_offer \
         FROM free, base ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch \
         RETURNING id, app, incarnation, epoch, from_epoch, from_offer), \
         {told} \
         SELECT (SELECT here FROM home), EXISTS (SELECT FROM me), w.app, w.incarnation::text, w.epoch::text, g.epoch::text, \
         w.from_epoch::text, w.from_offer::text, (SELECT count(*) FROM told) \
         FROM wanted AS w LEFT JOIN granted AS g ON g.id = w.id ORDER BY w.n"
    );
    Statement::new(text, sql.params)
}

/// Frees the grants that are still those.
pub(crate) fn release(cluster: &Cluster, holder: &Holder, grants: &[(LeaseId, u64)]) -> Statement {
    let mut sql = Sql::new(cluster);
    let is = sql.is("l.", holder);
    let ids = sql.params.texts(grants.iter().map(|(id, _)| escaped(id)).collect());
    let epochs = sql.params.texts(grants.iter().map(|(_, epoch)| epoch.to_string()).collect());
    let (told, leases) = (sql.tell_free(), &sql.leases);
    let text = format!(
        "WITH freed AS (DELETE FROM {leases} AS l USING unnest({ids}, {epochs}) AS g (id, epoch) \
         WHERE l.id = g.id AND l.epoch = g.epoch::numeric AND {is} RETURNING l.id), {told} SELECT count(*) FROM told"
    );
    Statement::new(text, sql.params)
}

/// Gives a grant to another holder. Returns whether the server is at home, the epoch of the new grant, and the lease as it was.
pub(crate) fn transfer(
    cluster: &Cluster,
    holder: &Holder,
    id: &LeaseId,
    epoch: u64,
    to: &Holder,
    offer: u64,
) -> Statement {
    let mut sql = Sql::new(cluster);
    let (is, to_is) = (sql.is("", holder), sql.is("", to));
    let (app, life) = sql.holder(to);
    let (id, epoch) = (sql.params.text(escaped(id)), sql.params.uint(epoch));
    let offer = sql.params.uint(offer);
    let told = sql.tell_held();
    let Sql { state, sessions, leases, .. } = &sql;
    let text = format!(
        "WITH held AS (SELECT * FROM {leases} WHERE id = {id}), \
         raised AS (UPDATE {state} SET given = given + 1, changes = changes + 1 WHERE timeline = {TIMELINE} \
         AND EXISTS (SELECT FROM held WHERE {is} AND epoch = {epoch}) AND EXISTS (SELECT FROM {sessions} WHERE {to_is}) \
         RETURNING given, changes), \
         granted AS (UPDATE {leases} AS l SET app = {app}, incarnation = {life}, epoch = given, from_epoch = {epoch}, \
         from_offer = {offer} FROM raised WHERE id = {id} RETURNING l.*), \
         {told} \
         SELECT (SELECT timeline = {TIMELINE} FROM {state}), (SELECT epoch::text FROM granted), \
         EXISTS (SELECT FROM held WHERE {is} AND epoch = {epoch}), h.app, h.incarnation::text, h.epoch::text, \
         h.from_epoch::text, h.from_offer::text, (SELECT count(*) FROM told) \
         FROM (SELECT) AS one LEFT JOIN held AS h ON true"
    );
    Statement::new(text, sql.params)
}

/// Records a number unless there is one, and then reads it.
pub(crate) fn record(cluster: &Cluster, name: &str, number: u64) -> [Statement; 2] {
    let table = cluster.table("guildhall_lease_numbers");
    let mut params = Params::default();
    let (text, number) = (params.text(escaped(name)), params.uint(number));
    let insert = format!("INSERT INTO {table} VALUES ({text}, {number}) ON CONFLICT DO NOTHING");
    let mut named = Params::default();
    let read =
        format!("SELECT number::text FROM {table} WHERE name = {}", named.text(escaped(name)));
    [Statement::new(insert, params), Statement::new(read, named)]
}

/// All that is held of a prefix, with the number of the last change.
pub(crate) fn read(cluster: &Cluster, prefix: &str, most: usize) -> Statement {
    let mut sql = Sql::new(cluster);
    let prefix = sql.params.text(escaped(prefix));
    let (state, leases) = (&sql.state, &sql.leases);
    let text = format!(
        "SELECT s.changes, l.id, l.app, l.incarnation::text, l.epoch::text, l.from_epoch::text, l.from_offer::text \
         FROM {state} AS s LEFT JOIN {leases} AS l ON starts_with(l.id, {prefix}) LIMIT {most}"
    );
    Statement::new(text, sql.params)
}
