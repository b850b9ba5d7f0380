//! A reply from memory: it shows what is committed, and is sent before the deadline (rules 24 to 26).

use super::{Read, World, bit};
use crate::rules::ReadCheck;
use crate::scenario::Scenario;

impl Scenario {
    /// Whether the app's clock says that it is before its deadline. The model of the clock shows when it is right to say so: then
    /// the service has the session still, or would have it.
    pub(super) fn says_valid(&self, w: &World, app: u8) -> bool {
        let me = w.app(app);
        let holds = w.has_session(app, me.life) || w.is_promised(app, me.life);
        me.session && (self.broken_clock || !self.rules.lease || holds)
    }

    pub(super) fn begin_read(&self, w: &mut World, app: u8, key: u8) {
        let here = self.indices().filter(|c| self.commands[*c as usize].key == key);
        let mask = here.fold(0, |mask, c| mask | bit(c));
        let must_show = (w.witness.replied | w.witness.shown) & mask;
        if let Some(actor) = w.actor_mut(app, key) {
            let runs = actor.fields.runs;
            let shows = self.indices().filter(|c| runs[*c as usize] > 0);
            let shows = shows.fold(0, |shows, c| shows | bit(c)) & mask;
            actor.read = Some(Read { must_show, shows });
        }
    }

    /// Rule 24: the reply waits for the commit of what it saw.
    pub(super) fn may_end_read(&self, w: &World, app: u8, key: u8) -> bool {
        w.actor(app, key).is_some_and(|actor| {
            actor
                .read
                .is_some_and(|read| !self.rules.read_waits || read.shows & actor.uncommitted() == 0)
        })
    }

    pub(super) fn end_read(&self, w: &mut World, app: u8, key: u8) {
        let valid = self.says_valid(w, app);
        let row = w.rows[key as usize].token;
        let Some(actor) = w.actor_mut(app, key) else { return };
        let Some(read) = actor.read.take() else { return };
        let answers = match self.rules.read_check {
            ReadCheck::Never | ReadCheck::BeforeReading => true,
            // Rule 25.
            ReadCheck::AfterReading => valid,
            // Rule 26: no clock is needed.
            ReadCheck::Store => row == actor.token,
        };
        if answers {
            w.witness.stale_read |= read.must_show & !read.shows != 0;
            w.witness.shown |= read.shows;
        }
    }
}
