//! Links that are dialled when a call needs them and closed when nobody does.

use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use guildhall_core::AppId;
use guildhall_core::discovery::NodeRecord;

use crate::connect::{Place, dial};
use crate::endpoint::Endpoint;
use crate::handshake::Opened;
use crate::idle::{Idle, Quiet};
use crate::link::Link;
use crate::redial::Redial;

/// What keeps account of one link that is dialled on demand: the mesh.
pub trait Demand: Send + Sync + 'static {
    /// The link is connected. `false`: it is not wanted, because a later life of the app is known or discovery no longer lists it.
    fn connected(&self, record: NodeRecord, link: Arc<Link>) -> bool;

    /// The peer takes no new calls.
    fn going(&self, link: &Arc<Link>);

    /// The app could not be reached, or the connection was lost: it is dialled again, and not used before it is there.
    fn lost(&self, link: &Arc<Link>);

    /// A step towards the end of an idle link; whether it was taken.
    fn quiet(&self, link: &Arc<Link>, step: Quiet) -> bool;
}

/// The app to connect to.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its id. Another app at the address is refused.
    pub id: AppId,
    /// `host:port`.
    pub address: String,
    /// Which of the connections to it this one is.
    pub place: Place,
    /// Discovery no longer lists the app there.
    pub gone: Arc<AtomicBool>,
}

/// Connects `link`, in which calls wait, and serves it until it is idle for `link.idle_ms`. While the app cannot be reached it is dialled
/// again with pauses up to `link.redial_max_ms`, as long as discovery lists it.
pub async fn connect_on_demand<D: Demand>(
    endpoint: Arc<Endpoint>,
    demand: Arc<D>,
    wanted: Wanted,
    mut link: Arc<Link>,
) {
    let mut redial = Redial::new(&endpoint);
    loop {
        match once(&endpoint, &*demand, &wanted, &link).await {
            Ok(Ended::Idle) => return,
            Ok(Ended::Lost) => redial.reset(),
            Err(error) => {
                tracing::debug!(peer = %wanted.id, address = wanted.address, %error, "link attempt failed; retrying");
            }
        }
        redial.wait().await;
        if wanted.gone.load(Ordering::Relaxed) {
            return;
        }
        link = Link::new(wanted.id.to_string(), &endpoint);
    }
}

enum Ended {
    Idle,
    Lost,
}

async fn once<D: Demand>(
    endpoint: &Endpoint,
    demand: &D,
    wanted: &Wanted,
    link: &Arc<Link>,
) -> Result<Ended> {
    let mut end = End { demand, link, idle: false };
    let opened = link.until_connected(&endpoint.env, dial(endpoint, &wanted.address, false)).await;
    let opened = opened.and_then(|opened| checked(opened, wanted));
    let opened = opened.inspect_err(|error| link.refuse(&error.to_string()));
    let Opened { socket, record, .. } = opened?;
    if link.is_closed() {
        return Err(Error::other("nobody waits for it any more"));
    }
    let _dialled = endpoint.meters.dialled.hold();
    if !demand.connected(record, Arc::clone(link)) {
        let why = "discovery no longer lists it there, or a later life of it is known";
        link.refuse(why);
        return Err(Error::other(why));
    }
    tracing::debug!(peer = %wanted.id, address = wanted.address, "linked");
    let mut closed = false;
    let step = |step| {
        let taken = demand.quiet(link, step);
        closed |= taken && step == Quiet::Close;
        taken
    };
    let after = Duration::from_millis(endpoint.config.idle_ms);
    let idle = Some(Idle::new(&endpoint.env, after, step));
    link.drive(&endpoint.env, socket, || demand.going(link), idle).await;
    end.idle = closed;
    Ok(if closed { Ended::Idle } else { Ended::Lost })
}

fn checked(opened: Opened, wanted: &Wanted) -> Result<Opened> {
    if opened.record.id == wanted.id {
        return Ok(opened);
    }
    let why = format!("{} is another app, {}", wanted.address, opened.record.id);
    Err(Error::new(ErrorKind::InvalidData, why))
}

/// The route must go with the link, also when its task is aborted.
struct End<'a, D: Demand> {
    demand: &'a D,
    link: &'a Arc<Link>,
    idle: bool,
}

impl<D: Demand> Drop for End<'_, D> {
    fn drop(&mut self) {
        if !self.idle {
            self.demand.lost(self.link);
        }
        self.link.close();
    }
}
