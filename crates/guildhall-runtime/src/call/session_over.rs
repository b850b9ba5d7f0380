//! Notifies actors that a session has ended, so that they delete its records.

use std::collections::BTreeMap;

use guildhall_core::{AppId, KeyText, MethodDesc};

use crate::call::{Cx, Target};
use crate::proto::{ActorName, NodeClient, SessionOverMsg};

/// Tells the actors that a session has sent commands to that it has ended, each by one of these methods and its key: one message to each
/// app. They forget what its commands have come to. Whoever is not reached forgets it after `actor.NAME.records_ms`.
///
/// Cancel all calls of the session first: what has not begun is refused from then on.
pub async fn session_over<'a>(
    cx: &Cx,
    (player, session): (&str, &str),
    actors: impl IntoIterator<Item = (&'static MethodDesc, KeyText<'a>)>,
) {
    let mut by_app: BTreeMap<AppId, Vec<ActorName>> = BTreeMap::new();
    for (method, key) in actors {
        let mesh = &cx.core.mesh;
        let Ok(route) = mesh.route(method, &Target::Default, key, None) else { continue };
        let app = route.link.map_or_else(|| Ok(cx.core.id.clone()), |link| link.peer().parse());
        let (Some(name), Ok(app)) = (mesh.actor_of(method.service), app) else { continue };
        if let Ok(key) = key.with_text(|key| key.map(str::to_owned)) {
            by_app.entry(app).or_default().push(ActorName { r#type: name.to_string(), key });
        }
    }
    for (app, actors) in by_app {
        let (player, session) = (player.to_owned(), session.to_owned());
        let over = SessionOverMsg { player, session, actors };
        if let Err(status) = NodeClient::new(cx).at(&app).session_over(over).await {
            tracing::debug!(%app, %status, "records of an ended session stay until records_ms");
        }
    }
}
