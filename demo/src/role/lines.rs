//! Recent chat lines to all: each app with roles gets them by a topic, and shows them to players who log in later.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use guildhall::{App, Cx, Status};
use parking_lot::Mutex;

use crate::proto::role::{ChannelMsg, Lines, LinesClient, LinesServer, RecentReq, RecentRsp};

/// Lines that are kept.
const LINES_MAX: usize = 50;
/// The topic of what is said to all.
const ALL: &str = "all";
/// Pause before the topic is subscribed again.
const AGAIN: Duration = Duration::from_secs(1);

/// The latest lines, in the memory of this app.
#[derive(Clone, Debug, Default)]
pub struct RecentLines(Arc<Mutex<VecDeque<ChannelMsg>>>);

impl RecentLines {
    /// Has `app` serve them.
    pub fn serve(app: App) -> App {
        app.serve(LinesServer::new(Self::default())).spawn("lines", async |cx| {
            let _until_the_end = subscribe(&cx).await;
            cx.draining().await;
            Ok(())
        })
    }
}

impl Lines for RecentLines {
    async fn recv_channel(&self, _cx: &Cx, req: ChannelMsg) -> Result<(), Status> {
        let mut lines = self.0.lock();
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(req);
        Ok(())
    }

    async fn recent(&self, _cx: &Cx, _req: RecentReq) -> Result<RecentRsp, Status> {
        Ok(RecentRsp { lines: self.0.lock().iter().cloned().collect() })
    }
}

/// Tells all apps with roles. Players who are there have heard it already, so a broker that is away fails nobody's post.
pub(super) async fn tell(cx: &Cx, msg: ChannelMsg) {
    if let Err(status) = LinesClient::topic(cx, ALL).recv_channel(msg).await {
        tracing::debug!(%status, "storing a chat line failed");
    }
}

/// Until it works, or the app drains.
async fn subscribe(cx: &Cx) -> Option<guildhall::Subscribed> {
    loop {
        match LinesClient::subscribe(cx, ALL).await {
            Ok(subscribed) => return Some(subscribed),
            Err(status) => tracing::debug!(%status, "subscribing to chat lines failed; retrying"),
        }
        tokio::select! {
            () = cx.draining() => return None,
            () = cx.env().sleep(AGAIN) => {}
        }
    }
}
