//! What the app does that has the session and the player's actor.

use super::scenario::Scenario;
use super::world::{
    Answer, Attempt, Body, By, CLIENTS, Generation, Key, Place, Push, Session, World, bit,
};

/// What the owner does with a connection that asks for the session.
enum Verdict {
    Resumes,
    LogsIn,
    /// A later login has the session.
    Kicks,
    Closes,
}

impl Scenario {
    pub(super) fn owner_hears(&self, w: &mut World, conn: u8, body: &Body) {
        match *body {
            // Of a gate that meant the owner before: it asks again.
            Body::Attach { epoch, .. } if epoch < w.owner.epoch => {}
            Body::Attach { by, last, .. } => self.is_asked(w, conn, by, last),
            Body::Detach => {
                if let Some(session) = &mut w.owner.session
                    && (session.conn == Some(conn) || !self.rules.ends_compared)
                {
                    session.conn = None;
                }
            }
            Body::Command { number, resent } => {
                Self::is_heard(w, conn);
                self.runs(w, conn, number, resent);
            }
            Body::Acknowledge(place) => {
                Self::is_heard(w, conn);
                if let Some(session) = w.owner.session.as_mut().filter(|it| it.of == place.of) {
                    session.window.retain(|push| push.place.number > place.number);
                }
            }
            Body::Attached { .. }
            | Body::Push(_)
            | Body::Reply { .. }
            | Body::Kick
            | Body::Close => {}
        }
    }

    /// The client has its key: the one before is void.
    fn is_heard(w: &mut World, conn: u8) {
        if let Some(session) = w.owner.session.as_mut().filter(|it| it.conn == Some(conn)) {
            session.before = None;
        }
    }

    fn is_asked(&self, w: &mut World, conn: u8, by: By, last: Place) {
        match self.verdict(w, conn, by) {
            Verdict::Resumes => self.resumes(w, conn, by, last),
            Verdict::LogsIn => self.logs_in(w, conn, by, last),
            Verdict::Kicks => {
                let client = w.conn(conn).client;
                let is_others = w.owner.session.as_ref().is_some_and(|it| it.client != client);
                w.witness.displaced |=
                    is_others && by.login().is_some() && by.login() == w.witness.last_login;
                let attempt = w.conn(conn).attempt;
                if let Some(session) = &mut w.owner.session {
                    session.knows(attempt);
                }
                w.send(conn, Body::Kick);
            }
            Verdict::Closes => w.send(conn, Body::Close),
        }
    }

    fn verdict(&self, w: &World, conn: u8, by: By) -> Verdict {
        let Some(session) = &w.owner.session else { return Verdict::LogsIn };
        let attempt = w.conn(conn).attempt;
        let is_old = self.rules.attempts_in_order && session.knows_later(attempt);
        match by {
            // The same attempt again: its answer was lost.
            _ if session.conn == Some(conn) => Verdict::Resumes,
            _ if is_old => Verdict::Closes,
            // An earlier owner was asked for it too: nobody knows whether before or after the others.
            By::Login(epoch)
                if attempt.of != session.attempt.of
                    && epoch < w.owner.epoch
                    && Generation::before(epoch) < session.since =>
            {
                Verdict::Kicks
            }
            By::Login(_) => Verdict::LogsIn,
            By::Gate(login) | By::Key(Key { login, .. }) if login != session.login => {
                // An earlier owner was lost, and an earlier client was the first to come back, or an earlier attempt of this one.
                let of_before = login.epoch < w.owner.epoch && self.rules.logins_in_order;
                let is_later =
                    of_before && login > session.since || session.attempt.is_before(attempt);
                let wins = is_later || !self.rules.login_voids;
                if wins { Verdict::LogsIn } else { Verdict::Kicks }
            }
            By::Gate(_) if session.conn.is_none_or(|it| it == conn) => Verdict::Resumes,
            By::Gate(_) => Verdict::Closes,
            By::Key(key) => {
                let is_known = key.number == session.key
                    || session.before == Some(key.number)
                    || !self.rules.keys_change;
                if is_known { Verdict::Resumes } else { Verdict::Closes }
            }
        }
    }

    fn resumes(&self, w: &mut World, conn: u8, by: By, last: Place) {
        let attempt = w.conn(conn).attempt;
        let Some(session) = &mut w.owner.session else { return };
        let old = session.conn.replace(conn).filter(|old| *old != conn);
        session.takes(attempt);
        if let By::Key(key) = by {
            session.before = Some(key.number).filter(|_| self.rules.key_before_counts);
            session.key += 1;
        }
        let first = session.window.first().map_or(session.top, |push| push.place.number - 1);
        let is_whole = last.of == session.of && last.number >= first;
        let from = if is_whole { last } else { Place { of: session.of, number: session.top } };
        let pushes = match is_whole {
            true => session
                .window
                .iter()
                .copied()
                .filter(|push| push.place.number > last.number)
                .collect(),
            false => Vec::new(),
        };
        let resumed = is_whole || !self.rules.hole_is_told;
        let from = if resumed { last } else { from };
        let key = Key { login: session.login, number: session.key };
        w.send(conn, Body::Attached { key, resumed, last, from, pushes });
        if let Some(old) = old {
            w.send(old, Body::Close);
        }
    }

    fn logs_in(&self, w: &mut World, conn: u8, by: By, last: Place) {
        w.owner.count += 1;
        let login = Generation { epoch: w.owner.epoch, count: w.owner.count };
        let client = w.conn(conn).client;
        let attempt = w.conn(conn).attempt;
        let mut next = Session {
            login,
            since: match by {
                By::Login(epoch) if epoch < w.owner.epoch => Generation::before(epoch),
                _ => by.login().unwrap_or(login),
            },
            client,
            conn: Some(conn),
            attempt,
            attempts: w.owner.session.as_ref().map_or([0; CLIENTS], |before| before.attempts),
            key: 0,
            before: None,
            of: if self.rules.numberings { login } else { Generation { epoch: 0, count: 1 } },
            top: 0,
            window: Vec::new(),
        };
        next.takes(attempt);
        let from = Place { of: next.of, number: 0 };
        w.send(
            conn,
            Body::Attached {
                key: Key { login, number: 0 },
                resumed: false,
                last,
                from,
                pushes: Vec::new(),
            },
        );
        let before = w.owner.session.replace(next);
        let is_own_will = w.conn(conn).is_wanted && by == By::Login(w.owner.epoch);
        let is_last = |it: &Session| it.client != client && w.witness.last_login == Some(it.since);
        w.witness.displaced |= !is_own_will && before.as_ref().is_some_and(is_last);
        if is_own_will {
            w.witness.last_login = Some(login);
        }
        let Some(before) = before else { return };
        w.witness.excused = [true; CLIENTS];
        if let Some(old) = before.conn {
            w.send(old, Body::Kick);
        }
    }

    fn runs(&self, w: &mut World, conn: u8, number: u8, resent: bool) {
        let durable = self.durable[usize::from(number)];
        let records = if durable { w.row } else { w.owner.records };
        let is_recorded = records & bit(number) != 0 && (self.rules.records || !durable);
        let answer = if is_recorded {
            Answer::Ran
        } else if resent && !durable && self.rules.refuses_unknown {
            Answer::MayHaveRun
        } else {
            w.witness.runs[usize::from(number)] += 1;
            let records = if durable { &mut w.row } else { &mut w.owner.records };
            *records |= bit(number);
            Answer::Ran
        };
        w.send(conn, Body::Reply { number, answer });
    }

    /// Something has happened that the player is told.
    pub(super) fn pushes(&self, w: &mut World) {
        w.pushes_left -= 1;
        w.witness.pushes += 1;
        let serial = w.witness.pushes;
        let (epoch, keeps) = (w.owner.epoch, self.rules.keeps);
        let Some(session) = &mut w.owner.session else {
            // Offline: whoever logs in loads it.
            return;
        };
        session.top += 1;
        let push = Push { place: Place { of: session.of, number: session.top }, serial };
        if keeps {
            session.window.push(push);
        }
        if session.window.len() > self.window {
            w.witness.excused = [true; CLIENTS];
            if self.rules.hole_is_told {
                w.owner.count += 1;
                let of = Generation { epoch, count: w.owner.count };
                return Self::begins_again(w, of, self.rules.numberings);
            }
            session.window.remove(0);
        }
        if let Some(conn) = session.conn {
            w.send(conn, Body::Push(push));
        }
    }

    /// After a hole: another numbering, and who is connected has to load again.
    fn begins_again(w: &mut World, of: Generation, numberings: bool) {
        let Some(session) = &mut w.owner.session else { return };
        let of = if numberings { of } else { session.of };
        (session.of, session.top) = (of, 0);
        session.window.clear();
        let (key, from) =
            (Key { login: session.login, number: session.key }, Place { of, number: 0 });
        if let Some(conn) = session.conn {
            let told = Body::Attached { key, resumed: false, last: from, from, pushes: Vec::new() };
            w.send(conn, told);
        }
    }
}

impl Generation {
    /// Before all of this epoch.
    fn before(epoch: u8) -> Self {
        Self { epoch, count: 0 }
    }
}

impl By {
    /// The login that the client had before.
    fn login(self) -> Option<Generation> {
        match self {
            Self::Login(_) => None,
            Self::Key(Key { login, .. }) | Self::Gate(login) => Some(login),
        }
    }
}

impl Session {
    /// Whether a later attempt of the same client has come.
    fn knows_later(&self, attempt: Attempt) -> bool {
        attempt.number + 1 < self.attempts[usize::from(attempt.of)]
    }

    fn takes(&mut self, attempt: Attempt) {
        self.attempt = attempt;
        self.knows(attempt);
    }

    /// Earlier attempts of that client are late, also where this one was refused.
    fn knows(&mut self, attempt: Attempt) {
        let begun = &mut self.attempts[usize::from(attempt.of)];
        *begun = (*begun).max(attempt.number + 1);
    }
}
