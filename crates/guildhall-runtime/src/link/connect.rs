//! Keeps a link to one address: dials, proves itself, drives, and dials again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::Link;
use super::open::{Opened, Side, open};
use crate::app::AppInner;

/// Keeps a link to `address` until nobody lives there any more.
pub(crate) async fn connect(app: Arc<AppInner>, address: String, gone: Arc<AtomicBool>) {
    let mut pause = app.links.redial_ms;
    while !gone.load(Ordering::Relaxed) {
        match link(&app, &address).await {
            Ok(Ended::Myself) => return,
            Ok(Ended::Lost) => pause = app.links.redial_ms,
            Err(error) => tracing::debug!(%address, %error, "no link yet"),
        }
        // Half of the pause is random, so that a restarted app is not dialled by all at once.
        let ms = pause / 2 + app.env.random_below(pause / 2 + 1);
        app.env.sleep(Duration::from_millis(ms)).await;
        pause = (pause * 2).min(app.links.redial_max_ms);
    }
}

enum Ended {
    /// The address is this app's own.
    Myself,
    /// There was a link.
    Lost,
}

/// Opens a connection to `address`, for calls or for streams.
pub(crate) async fn dial(app: &AppInner, address: &str, streams: bool) -> std::io::Result<Opened> {
    let deadline = app.env.now() + Duration::from_millis(app.links.handshake_ms);
    let dialled = app.env.until(deadline, app.env.net().connect(address)).await;
    let conn = dialled.unwrap_or_else(|| Err(std::io::ErrorKind::TimedOut.into()))?;
    open(app, conn, Side::Initiator, streams).await
}

async fn link(app: &Arc<AppInner>, address: &str) -> std::io::Result<Ended> {
    let Opened { socket, record, .. } = dial(app, address, false).await?;
    if record.id == app.id {
        return Ok(Ended::Myself);
    }
    let (id, link) = (record.id.clone(), Link::new(record.id.to_string(), app));
    let _dialled = app.counters.links_dialled.hold();
    tracing::info!(peer = %id, address, "linked");
    app.mesh.connected(record, Arc::clone(&link));
    // The route must go with the link, also when this task is aborted.
    let leave = Leave { app, id, link: &link };
    link.drive(&app.env, socket, || app.mesh.leave(&leave.id, &link)).await;
    Ok(Ended::Lost)
}

struct Leave<'a> {
    app: &'a AppInner,
    id: guildhall_core::AppId,
    link: &'a Arc<Link>,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.app.mesh.leave(&self.id, self.link);
        self.link.close();
    }
}
