//! [`PostgresLeases`]: the [`Leases`] seam in tables of one SQL schema.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use guildhall_core::BoxFuture;
use guildhall_core::leases::memory::{EPOCH_END, HELD_MAX, SESSIONS_MAX, WATCH_BUFFER};
use guildhall_core::leases::{
    Acquired, Holding, LeaseCapabilities, LeaseChange, LeaseError, LeaseErrorKind, Leases, Opened,
    Origin, Transferred, Wanted,
};
use guildhall_core::store::{Holder, LeaseId};
use tokio::sync::mpsc;
use tokio_postgres::Row;

use crate::cluster::Of;
use crate::fault::Fault;
use crate::lease_sql as sql;
use crate::link::Link;
use crate::row::{get, holder, uint};
use crate::session::Statement;
use crate::sql::unescaped;
use crate::watchers::Watchers;

/// Longest id in bytes: a notification has to carry it.
const ID_MAX: usize = 1024;

/// Leases in tables of a PostgreSQL server.
///
/// No clock of the server decides when a session is over: two of the apps watch whether it is renewed. So a clock that jumps, or a
/// failover to a server with another clock, ends nothing early. A server that was promoted grants nothing until the longest TTL
/// is over, because it may have missed grants; then it grants above all epochs that these may have had.
pub struct PostgresLeases {
    link: Arc<Link>,
    watchers: Arc<Watchers<LeaseChange>>,
}

impl PostgresLeases {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        Self { link, watchers: Watchers::new(WATCH_BUFFER, change) }
    }

    /// Does statements in one transaction, of those who change leases one at a time.
    async fn ask(
        &self,
        operation: &'static str,
        statements: impl Fn() -> Vec<Statement> + Send + Sync,
    ) -> Result<Vec<Vec<Row>>, LeaseError> {
        let failed = |fault| failed(operation, fault);
        self.link.ear.ready().await.map_err(failed)?;
        self.link.ask(Of::Leases, &statements).await.map_err(failed)
    }

    async fn acquire_all(
        &self,
        holder: &Holder,
        wanted: &[Wanted],
    ) -> Result<Vec<Acquired>, LeaseError> {
        let rounds = rounds(wanted);
        let statements =
            || rounds.iter().map(|round| sql::acquire(&self.link.cluster, holder, round)).collect();
        let answers = self.ask("acquire", statements).await?;
        let answers = answers.iter().flatten().map(|row| acquired(row, holder));
        let answers = answers.collect::<Result<Vec<_>, _>>()?;
        if answers.len() != wanted.len() {
            return Err(damaged("acquire", format!("{} answers", answers.len())));
        }
        Ok(answers)
    }
}

/// The wishes in rounds that name no id twice.
fn rounds(wanted: &[Wanted]) -> Vec<Vec<&Wanted>> {
    let (mut rounds, mut ids) = (Vec::<Vec<_>>::new(), BTreeSet::new());
    for wish in wanted {
        if ids.replace(&wish.id).is_some() || rounds.is_empty() {
            ids = BTreeSet::from([&wish.id]);
            rounds.push(Vec::new());
        }
        if let Some(round) = rounds.last_mut() {
            round.push(wish);
        }
    }
    rounds
}

impl std::fmt::Debug for PostgresLeases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PostgresLeases").field(&self.link.client.settings).finish()
    }
}

impl Leases for PostgresLeases {
    fn capabilities(&self) -> LeaseCapabilities {
        LeaseCapabilities { durable_epochs: true }
    }

    fn open<'a>(
        &'a self,
        holder: &'a Holder,
        instead_of: Option<u64>,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Opened, LeaseError>> {
        Box::pin(async move {
            let ttl_ms = crate::link::ttl_ms(ttl);
            let open = || {
                let (cluster, beat) = (&self.link.cluster, self.link.beat());
                vec![sql::open(cluster, holder, instead_of, ttl_ms, beat, SESSIONS_MAX)]
            };
            let rows = self.ask("open", open).await?;
            let row = only(&rows, "open")?;
            match (number(row, 1)?, number(row, 2)?) {
                (_, Some(new)) => Ok(Opened::New(new)),
                (Some(living), None) if Some(living) != instead_of && is_home(row) => {
                    Ok(Opened::Living(living))
                }
                _ if is_home(row) => {
                    let why = format!("{SESSIONS_MAX} holders have sessions; use another schema");
                    Err(LeaseError::new(LeaseErrorKind::Invalid, "open", why))
                }
                _ => Err(moved("open")),
            }
        })
    }

    fn keep_alive<'a>(
        &'a self,
        holder: &'a Holder,
        session: u64,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        Box::pin(async move {
            let renew = || {
                // Without the lock of the others: it changes nothing that they read.
                sql::keep_alive(&self.link.cluster, holder, session, self.link.beat())
            };
            let renewed = self.link.renew(Of::Leases, &renew).await;
            let renewed = renewed.map_err(|fault| failed("keep_alive", fault))?;
            if renewed { Ok(()) } else { Err(no_session("keep_alive", holder)) }
        })
    }

    fn close<'a>(
        &'a self,
        holder: &'a Holder,
        session: u64,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        Box::pin(async move {
            let close = || vec![sql::close(&self.link.cluster, holder, session)];
            self.ask("close", close).await.map(drop)
        })
    }

    fn acquire<'a>(
        &'a self,
        holder: &'a Holder,
        wanted: &'a [Wanted],
    ) -> BoxFuture<'a, Result<Vec<Acquired>, LeaseError>> {
        Box::pin(async move {
            for wish in wanted {
                check_id("acquire", &wish.id)?;
                if wish.at_least >= EPOCH_END {
                    let why = format!(
                        "{} was never granted: it is of the last era, which is not used; the row of {} that has it is damaged",
                        wish.at_least, wish.id
                    );
                    return Err(LeaseError::new(LeaseErrorKind::Invalid, "acquire", why));
                }
            }
            self.acquire_all(holder, wanted).await
        })
    }

    fn release<'a>(
        &'a self,
        holder: &'a Holder,
        grants: &'a [(LeaseId, u64)],
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        Box::pin(async move {
            let release = || vec![sql::release(&self.link.cluster, holder, grants)];
            self.ask("release", release).await.map(drop)
        })
    }

    fn transfer<'a>(
        &'a self,
        holder: &'a Holder,
        id: &'a LeaseId,
        epoch: u64,
        to: &'a Holder,
        offer: u64,
    ) -> BoxFuture<'a, Result<Transferred, LeaseError>> {
        Box::pin(async move {
            check_id("transfer", id)?;
            let transfer = || vec![sql::transfer(&self.link.cluster, holder, id, epoch, to, offer)];
            let rows = self.ask("transfer", transfer).await?;
            let row = only(&rows, "transfer")?;
            if !is_home(row) {
                return Err(moved("transfer"));
            }
            match number(row, 1)? {
                Some(new) => Ok(Transferred::Done(new)),
                None if get(row, 2).map_err(|why| damaged("transfer", why))? => {
                    Ok(Transferred::NobodyThere)
                }
                None => {
                    let held = holding(row, 3).map_err(|why| damaged("transfer", why))?;
                    Ok(Transferred::NotYours(held))
                }
            }
        })
    }

    fn record<'a>(&'a self, name: &'a str, number: u64) -> BoxFuture<'a, Result<u64, LeaseError>> {
        Box::pin(async move {
            check_id("record", name)?;
            let record = || sql::record(&self.link.cluster, name, number).into();
            let rows = self.ask("record", record).await?;
            let row = only(&rows[1..], "record")?;
            self::number(row, 0)?.ok_or_else(|| damaged("record", "no number"))
        })
    }

    fn watch<'a>(
        &'a self,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<mpsc::Receiver<LeaseChange>, LeaseError>> {
        Box::pin(async move {
            let channel = self.link.cluster.channel(Of::Leases);
            let listener = Arc::clone(&self.watchers);
            let asked = self.link.ear.attach(&channel, listener);
            self.link.ear.settle(asked).await.map_err(|fault| failed("watch", fault))?;
            let joined = self.watchers.join(prefix);
            let read = || vec![sql::read(&self.link.cluster, prefix, HELD_MAX + 1)];
            let rows = self.ask("watch", read).await?.into_iter().flatten().collect::<Vec<_>>();
            if rows.len() > HELD_MAX {
                let why = format!("over {HELD_MAX} ids are held; use another schema");
                return Err(LeaseError::new(LeaseErrorKind::Invalid, "watch", why));
            }
            let (seq, mut snapshot) = snapshot(&rows).map_err(|why| damaged("watch", why))?;
            snapshot.push(LeaseChange::Synced);
            joined.begin(seq, snapshot).ok_or_else(|| {
                let why = "the connection broke while the leases were read; watch again";
                LeaseError::new(LeaseErrorKind::Unavailable, "watch", why)
            })
        })
    }
}

fn snapshot(rows: &[Row]) -> Result<(u64, Vec<LeaseChange>), String> {
    let (mut seq, mut held) = (0, Vec::new());
    for row in rows {
        seq = u64::try_from(get::<i64>(row, 0)?).map_err(|error| error.to_string())?;
        if let Some(id) = get::<Option<&str>>(row, 1)? {
            let holding = holding(row, 2)?.ok_or("a lease without a holder")?;
            held.push(LeaseChange::Held(unescaped(id)?.into(), holding));
        }
    }
    Ok((seq, held))
}

/// A change as it was told, and its id.
fn change(text: &str) -> Option<(String, LeaseChange)> {
    if let Some(id) = text.strip_prefix("F ") {
        let id = unescaped(id).ok()?;
        return Some((id.clone(), LeaseChange::Free(id.into())));
    }
    let mut words = text.strip_prefix("H ")?.splitn(6, ' ');
    let epoch = words.next()?.parse().ok()?;
    let from = match (words.next()?, words.next()?) {
        ("-", "-") => None,
        (epoch, offer) => Some(Origin { epoch: epoch.parse().ok()?, offer: offer.parse().ok()? }),
    };
    let (app, life) = (words.next()?, words.next()?.parse().ok()?);
    let holding = Holding { holder: holder(app, life).ok()?, epoch, from };
    let id = unescaped(words.next()?).ok()?;
    Some((id.clone(), LeaseChange::Held(id.into(), holding)))
}

/// An answer of [`sql::acquire`].
fn acquired(row: &Row, by: &Holder) -> Result<Acquired, LeaseError> {
    if !is_home(row) {
        return Err(moved("acquire"));
    }
    let read = || -> Result<Option<Acquired>, String> {
        if !get::<bool>(row, 1)? {
            return Ok(None);
        }
        if let Some(epoch) = get::<Option<&str>>(row, 5)? {
            let from = origin(row, 6)?;
            return Ok(Some(Acquired::Held { epoch: uint(epoch)?, from }));
        }
        let (app, life, epoch): (&str, &str, &str) = (get(row, 2)?, get(row, 3)?, get(row, 4)?);
        let (holder, epoch) = (holder(app, uint(life)?)?, uint(epoch)?);
        Ok(Some(Acquired::Taken { holder, epoch }))
    };
    let answer = read().map_err(|why| damaged("acquire", why))?;
    answer.ok_or_else(|| no_session("acquire", by))
}

/// A lease from its columns app, incarnation, epoch, from_epoch, from_offer.
fn holding(row: &Row, at: usize) -> Result<Option<Holding>, String> {
    let Some(app) = get::<Option<&str>>(row, at)? else { return Ok(None) };
    let holder = holder(app, uint(get(row, at + 1)?)?)?;
    let (epoch, from) = (uint(get(row, at + 2)?)?, origin(row, at + 3)?);
    Ok(Some(Holding { holder, epoch, from }))
}

fn origin(row: &Row, at: usize) -> Result<Option<Origin>, String> {
    match (get::<Option<&str>>(row, at)?, get::<Option<&str>>(row, at + 1)?) {
        (Some(epoch), Some(offer)) => Ok(Some(Origin { epoch: uint(epoch)?, offer: uint(offer)? })),
        _ => Ok(None),
    }
}

fn number(row: &Row, at: usize) -> Result<Option<u64>, LeaseError> {
    let number = get::<Option<&str>>(row, at).and_then(|text| text.map(uint).transpose());
    number.map_err(|why| damaged("read", why))
}

/// Whether the server is on the timeline that leases know: the first column of the answers.
fn is_home(row: &Row) -> bool {
    get(row, 0).unwrap_or(false)
}

fn only<'a>(rows: &'a [Vec<Row>], operation: &'static str) -> Result<&'a Row, LeaseError> {
    let row = rows.first().and_then(|rows| rows.first());
    row.ok_or_else(|| damaged(operation, "no answer"))
}

fn check_id(operation: &'static str, id: &str) -> Result<(), LeaseError> {
    if id.len() <= ID_MAX {
        return Ok(());
    }
    let id: String = id.chars().take(80).collect();
    let why = format!("the id that begins with `{id}` has over {ID_MAX} bytes");
    Err(LeaseError::new(LeaseErrorKind::Invalid, operation, why))
}

fn failed(operation: &'static str, fault: Fault) -> LeaseError {
    let kind = match fault {
        Fault::Values(_) => LeaseErrorKind::Invalid,
        _ => LeaseErrorKind::Unavailable,
    };
    LeaseError::new(kind, operation, fault.words())
}

#[allow(clippy::needless_pass_by_value, reason = "it is a text or an error that ends here")]
fn damaged(operation: &'static str, why: impl std::fmt::Display) -> LeaseError {
    failed(operation, Fault::damaged("leases", why))
}

/// The server was promoted.
fn moved(operation: &'static str) -> LeaseError {
    let why = "the server was promoted and may have missed grants; it grants again when the longest TTL is over";
    LeaseError::new(LeaseErrorKind::Unavailable, operation, why)
}

fn no_session(operation: &'static str, holder: &Holder) -> LeaseError {
    let why = format!("{holder} has no session, or it has expired; open one and acquire again");
    LeaseError::new(LeaseErrorKind::Expired, operation, why)
}
