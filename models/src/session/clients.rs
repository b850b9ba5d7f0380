//! What clients do.

use super::scenario::Scenario;
use super::world::{
    Answer, Attempt, Client, Conn, Down, Generation, Phase, Place, Push, Sent, THIEF, Up, World,
};

impl Scenario {
    pub(super) fn dial(&self, w: &mut World, client: u8, gate: u8) {
        let at = u8::try_from(w.conns.len()).unwrap_or(u8::MAX);
        let Client { key, last, .. } = w.clients[usize::from(client)];
        let attempt = Attempt { of: client, number: at };
        let mut conn = Conn::new((client, attempt), gate, w.gates[usize::from(gate)], key, last);
        conn.is_wanted = !w.witness.welcomed[usize::from(client)];
        w.conns.push(conn);
        w.client_mut(client).phase = Phase::Dials(at);
    }

    /// The client gives up this connection.
    pub(super) fn leaves(w: &mut World, at: u8) {
        let conn = w.conn_mut(at);
        (conn.client_end, conn.down) = (false, Vec::new());
        let client = conn.client;
        if client != THIEF
            && matches!(w.client_mut(client).phase, Phase::Dials(on) | Phase::On(on) if on == at)
        {
            w.client_mut(client).phase = Phase::Away;
        }
    }

    pub(super) fn sends(w: &mut World, client: u8, number: u8) {
        let Phase::On(at) = w.clients[usize::from(client)].phase else { return };
        w.client_mut(client).commands[usize::from(number)] = Sent::Waits;
        w.conn_mut(at).up.push(Up::Command { number, resent: false });
    }

    /// The client takes what is first for it.
    pub(super) fn takes(&self, w: &mut World, at: u8) {
        let (client, first) = (w.conn(at).client, w.conn_mut(at).down.remove(0));
        if client == THIEF {
            // A login with a token that was stolen is another matter.
            w.witness.stolen |= matches!(first, Down::Welcome { resumed: true, .. });
            return;
        }
        match first {
            Down::Welcome { key, resumed, from } => {
                self.is_welcome(w, client, at, resumed, from);
                w.client_mut(client).key = Some(key);
            }
            Down::Push(push) => self.has_push(w, client, at, push),
            Down::Reply { number, answer } => {
                let durable = self.durable[usize::from(number)];
                let ran = w.witness.runs[usize::from(number)] > 0;
                w.witness.untrue |=
                    answer == Answer::Ran && !ran || answer == Answer::MayHaveRun && durable;
                w.client_mut(client).commands[usize::from(number)] = Sent::Done(answer);
            }
            Down::Kicked => {
                Self::leaves(w, at);
                let key = w.clients[usize::from(client)].key;
                let me = w.client_mut(client);
                (me.phase, me.key) = if self.rules.kicked_stays {
                    (Phase::Kicked, key)
                } else {
                    (Phase::Away, None)
                };
            }
        }
    }

    /// The answer to its HELLO; or its gate has asked for the session again.
    fn is_welcome(&self, w: &mut World, client: u8, at: u8, resumed: bool, from: Place) {
        let me = w.client_mut(client);
        // A first login loads everything anyway.
        let is_first = me.last.of == Generation::default() && me.last.number == 0;
        me.phase = Phase::On(at);
        // A resumed client goes on where it is: its gate may know less of that than it.
        if !resumed {
            me.last = from;
        }
        w.witness.welcomed[usize::from(client)] = true;
        if resumed {
            w.witness.resumed = true;
        } else {
            let excused = &mut w.witness.excused[usize::from(client)];
            w.witness.needless |= !is_first && !*excused;
            *excused &= is_first;
            w.witness.reset[usize::from(client)] = true;
        }
        let waits: Vec<u8> = (0..self.commands_of(client))
            .filter(|n| w.clients[usize::from(client)].commands[usize::from(*n)] == Sent::Waits)
            .collect();
        for number in waits {
            let resent = self.rules.says_resent;
            w.conn_mut(at).up.push(Up::Command { number, resent });
        }
    }

    fn has_push(&self, w: &mut World, client: u8, at: u8, push: Push) {
        let last = w.clients[usize::from(client)].last;
        let of = if self.rules.numberings { push.place.of } else { last.of };
        if of != last.of || push.place.number <= last.number {
            return;
        }
        if push.place.number != last.number + 1 {
            // A hole: what is missing comes on another connection.
            return Self::leaves(w, at);
        }
        w.client_mut(client).last = Place { of, number: push.place.number };
        w.conn_mut(at).up.push(Up::Acknowledge(push.place));
        let seen = &mut w.witness.seen[usize::from(client)];
        let before = std::mem::replace(seen, push.serial);
        w.witness.again |= push.serial <= before;
        w.witness.skipped |= push.serial > before + 1 && !w.witness.reset[usize::from(client)];
        w.witness.reset[usize::from(client)] = false;
    }
}

impl Conn {
    pub(super) fn new(
        (client, attempt): (u8, Attempt),
        gate: u8,
        life: u8,
        key: Option<super::world::Key>,
        last: Place,
    ) -> Self {
        Self {
            client,
            attempt,
            is_wanted: false,
            gate,
            life,
            said: key,
            client_end: true,
            gate_end: true,
            asked: false,
            bound: None,
            answered: None,
            doubted: false,
            asked_first: 0,
            asks: 0,
            passed: last,
            top: None,
            up: vec![Up::Hello { key, last }],
            down: Vec::new(),
        }
    }
}
