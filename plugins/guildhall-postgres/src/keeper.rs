//! [`Keeper`]: ends sessions and records that are not renewed. Two apps of all do it at a time, and both see the same.
//!
//! No clock of the server takes part. Each renewal writes a random number, the beat. A keeper reads the beats twice a second, and ends what has
//! shown one and the same beat for its whole TTL, by the keeper's own clock, on one connection, and has it still in the statement that
//! ends it. The beat that was read was sent before it was read, so its holder's deadline, counted from the sending, is over first:
//! whatever the server's clock does, and also on another server after a failover, which breaks the connection.

use std::collections::BTreeMap;
use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::env::Instant;

use crate::cluster::{Cluster, Of, TIMELINE};
use crate::fault::Fault;
use crate::lease_sql;
use crate::node_sql;
use crate::row::{get, one};
use crate::session::Session;
use crate::sql::Params;

/// Between two looks at the beats, and between two tries to become a keeper.
const LOOK: Duration = Duration::from_millis(500);
const TRY: Duration = Duration::from_secs(2);

/// Whether this app is a keeper, on one connection, and what it has seen.
pub(crate) struct Keeper {
    env: Env,
    keeps: bool,
    next: Instant,
    /// The beat of each session, by its number, and of each record, by its app; and since when it is the same.
    seen: BTreeMap<(Of, String), (i64, Duration)>,
    /// Since when the server is on a timeline that leases do not know.
    moved: Option<Duration>,
}

impl Keeper {
    pub(crate) fn new(env: &Env) -> Self {
        let (env, next, seen) = (env.clone(), env.now(), BTreeMap::new());
        Self { env, keeps: false, next, seen, moved: None }
    }

    /// When it is to do its next step.
    pub(crate) fn next(&self) -> Instant {
        self.next
    }

    /// Does what is due, if it is time.
    pub(crate) async fn step(&mut self, cluster: &Cluster, session: &Session) -> Result<(), Fault> {
        if self.env.now() < self.next {
            return Ok(());
        }
        if !self.keeps {
            self.keeps = self.elect(cluster, session).await?;
        }
        if self.keeps {
            let over = self.look(cluster, session).await?;
            for (of, silent) in over {
                let end = match of {
                    Of::Leases => lease_sql::end_silent(cluster, silent),
                    Of::Nodes => node_sql::remove_silent(cluster, silent),
                };
                session.at_once(of.kept(), Some(&cluster.lock(of)), &[end]).await?;
            }
            self.settle_timeline(cluster, session).await?;
        }
        let jitter = Duration::from_millis(self.env.random_below(200));
        self.next = self.env.now() + if self.keeps { LOOK } else { TRY + jitter };
        Ok(())
    }

    /// Takes one of two places, which are free again when the connection of their keeper ends.
    async fn elect(&self, cluster: &Cluster, session: &Session) -> Result<bool, Fault> {
        let mut params = Params::default();
        let place = |params: &mut Params, n| {
            let name = params.text(cluster.place(n));
            format!("pg_try_advisory_lock(hashtextextended({name}, 0))")
        };
        let (first, second) = (place(&mut params, 1), place(&mut params, 2));
        let sql = format!("SELECT CASE WHEN {first} THEN true ELSE {second} END");
        one(&session.rows(&sql, &params).await?, 0, "locks")
    }

    /// Reads all beats; which of them are the same for too long.
    async fn look(
        &mut self,
        cluster: &Cluster,
        session: &Session,
    ) -> Result<BTreeMap<Of, Vec<(String, i64)>>, Fault> {
        let sql = format!(
            "SELECT true, number::text, beat, ttl_ms FROM {} UNION ALL SELECT false, app, beat, ttl_ms FROM {}",
            cluster.table("guildhall_lease_sessions"),
            cluster.table("guildhall_nodes")
        );
        let rows = session.rows(&sql, &Params::default()).await?;
        // The answer is here: all that was read was sent before.
        let now = self.env.boot_time();
        let (mut seen, mut over) = (BTreeMap::new(), BTreeMap::<_, Vec<_>>::new());
        for row in &rows {
            let read = || -> Result<_, String> {
                let of = if get(row, 0)? { Of::Leases } else { Of::Nodes };
                Ok(((of, get::<String>(row, 1)?), get(row, 2)?, get::<i64>(row, 3)?))
            };
            let (at, beat, ttl_ms) = read().map_err(|why| Fault::damaged("beats", why))?;
            let before = self.seen.get(&at).filter(|(last, _)| *last == beat);
            let since = before.map_or(now, |(_, since)| *since);
            // What nobody of us writes does not end.
            let ttl = u64::try_from(ttl_ms).map_or(Duration::MAX, Duration::from_millis);
            if now.saturating_sub(since) >= ttl {
                over.entry(at.0).or_default().push((at.1.clone(), beat));
            }
            seen.insert(at, (beat, since));
        }
        self.seen = seen;
        Ok(over)
    }

    /// After a promotion of a replica nobody knows which grants it has not got. Nothing is granted or renewed there until the longest
    /// TTL that was ever promised is over; then all leases begin anew, above all epochs that may have been granted.
    async fn settle_timeline(&mut self, cluster: &Cluster, session: &Session) -> Result<(), Fault> {
        let state = cluster.table("guildhall_lease_state");
        let sql = format!("SELECT timeline = {TIMELINE}, ttl_ms_max FROM {state}");
        let rows = session.rows(&sql, &Params::default()).await?;
        let now = self.env.boot_time();
        if one(&rows, 0, &state)? {
            self.moved = None;
            return Ok(());
        }
        let since = *self.moved.get_or_insert(now);
        let longest = u64::try_from(one::<i64>(&rows, 1, &state)?).unwrap_or(u64::MAX);
        if now.saturating_sub(since) >= Duration::from_millis(longest) {
            let anew = lease_sql::begin_anew(cluster);
            let of = Of::Leases;
            session.at_once(of.kept(), Some(&cluster.lock(of)), &[anew]).await?;
            tracing::warn!("the server was promoted; all leases begin anew");
        }
        Ok(())
    }
}
