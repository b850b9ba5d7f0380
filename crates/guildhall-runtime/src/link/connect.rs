//! Keeps the links to one address: dials, proves itself, drives, and dials again.

use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Barrier;

use super::Link;
use super::open::{Opened, Side, open};
use crate::app::AppInner;
use crate::mesh::Place;

/// One of the connections to an address.
pub(crate) struct Line {
    pub(crate) address: String,
    pub(crate) place: Place,
    /// Nobody lives there any more.
    pub(crate) gone: Arc<AtomicBool>,
    /// Where all connections to the address wait for each other once. They enter the mesh together, so that no call overtakes an
    /// earlier one because its key's connection came later than the first.
    pub(crate) tried: Arc<Barrier>,
}

/// Keeps a link to an address until nobody lives there any more.
pub(crate) async fn connect(app: Arc<AppInner>, line: Line) {
    let mut pause = app.links.redial_ms;
    let mut opened = dial(&app, &line.address, false).await;
    // All have been dialled by then: to connect and to shake hands has its time each.
    let deadline = app.env.now() + Duration::from_millis(app.links.handshake_ms) * 2;
    app.env.until(deadline, line.tried.wait()).await;
    loop {
        match link(&app, &line, opened).await {
            Ok(Ended::Myself) => return,
            Ok(Ended::Lost) => pause = app.links.redial_ms,
            Err(error) => tracing::debug!(address = line.address, %error, "no link yet"),
        }
        // Half of the pause is random, so that a restarted app is not dialled by all at once.
        let ms = pause / 2 + app.env.random_below(pause / 2 + 1);
        app.env.sleep(Duration::from_millis(ms)).await;
        pause = (pause * 2).min(app.links.redial_max_ms);
        if line.gone.load(Ordering::Relaxed) {
            return;
        }
        opened = dial(&app, &line.address, false).await;
    }
}

enum Ended {
    /// The address is this app's own.
    Myself,
    /// There was a link.
    Lost,
}

/// Opens a connection to `address`, for calls or for streams.
pub(crate) async fn dial(app: &AppInner, address: &str, streams: bool) -> Result<Opened> {
    let deadline = app.env.now() + Duration::from_millis(app.links.handshake_ms);
    let dialled = app.env.until(deadline, app.env.net().connect(address)).await;
    let conn = dialled.unwrap_or_else(|| Err(ErrorKind::TimedOut.into()))?;
    open(app, conn, Side::Initiator, streams).await
}

async fn link(app: &Arc<AppInner>, line: &Line, opened: Result<Opened>) -> Result<Ended> {
    let Opened { socket, record, .. } = opened?;
    if record.id == app.id {
        return Ok(Ended::Myself);
    }
    let (id, link) = (record.id.clone(), Link::new(record.id.to_string(), app));
    let _dialled = app.counters.links_dialled.hold();
    if !app.mesh.connected(record, line.place, Arc::clone(&link)) {
        return Err(Error::other(format!("a later life of {id} is linked")));
    }
    tracing::info!(peer = %id, address = line.address, "linked");
    // The route must go with the link, also when this task is aborted.
    let leave = Leave { app, id, address: &line.address, link: &link };
    link.drive(&app.env, socket, || app.mesh.going(&leave.id, &link)).await;
    Ok(Ended::Lost)
}

struct Leave<'a> {
    app: &'a AppInner,
    id: guildhall_core::AppId,
    address: &'a str,
    link: &'a Arc<Link>,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.app.mesh.leave(&self.id, self.link);
        self.link.close();
        tracing::debug!(ended = %self.id, address = self.address, "a link has ended");
    }
}
