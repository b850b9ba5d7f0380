//! Hands a game lease over to another app.

use guildhall_core::leases::Transferred;
use guildhall_core::store::Holder;

use crate::game_leases::{Next, PREFIX};
use crate::handover::Handover;
use crate::mesh::{HandedOver, MoveRequest};
use crate::ownership::Ownership;
use crate::payload::Payload;
use crate::slots::Holding;

impl Ownership {
    /// Answers another app that asks for a lease; `None` when it is not handed over now.
    pub(crate) async fn give_game_lease(
        &self,
        asker: &Holder,
        request: &MoveRequest,
    ) -> Option<HandedOver> {
        let (env, config) = (&self.env, &self.config);
        let session = self.session()?;
        let Some(grant) = self.game.held(&request.lease, request.epoch) else {
            // Rule 22: the backend says that this app has it, and nothing here knows of it: it is given back.
            if request.lease.starts_with(PREFIX) {
                let max = config.user_leases_max;
                self.game.unwanted_if_unknown(&request.lease, request.epoch, max);
            }
            return None;
        };
        let bytes = grant.ask(env, config.move_time(), &asker.app).await?;
        let held = Holding { epoch: grant.epoch, offers: 1 };
        let handover = Handover { own: self, session: &session, lease: &grant.id, held };
        let payloads = (!bytes.is_empty()).then(|| Payload::of_lease(bytes)).into_iter().collect();
        let deadline = env.now() + config.move_time();
        if env.until(deadline, handover.offer(asker, payloads)).await != Some(true) {
            tracing::warn!(lease = %grant.id, to = %asker, "lease freed: the app that asked for it does not answer");
            self.game.end(&grant, Next::Unwanted(Some(grant.epoch)));
            return None;
        }
        let (next, answer) = match handover.transfer(asker).await {
            Some(Ok(Transferred::Done(epoch))) => (Next::Gone, Some(handover.done(epoch))),
            Some(Ok(Transferred::NotYours(_))) => (Next::Gone, None),
            Some(Ok(Transferred::NobodyThere)) => (Next::Unwanted(Some(grant.epoch)), None),
            // Rule 20: its holder is not known until the backend is asked.
            Some(Err(_)) | None => (Next::Unwanted(None), None),
        };
        self.game.end(&grant, next);
        answer
    }
}
