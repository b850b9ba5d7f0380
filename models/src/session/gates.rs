//! What gates do.

use super::scenario::Scenario;
use super::world::{Body, By, Down, Message, Up, World};

impl Scenario {
    /// The gate reads what is first for it.
    pub(super) fn reads(&self, w: &mut World, at: u8) {
        match w.conn_mut(at).up.remove(0) {
            Up::Hello { .. } if w.conn(at).asked => {}
            Up::Hello { key, last } => {
                let asks = w.owner.epoch;
                let conn = w.conn_mut(at);
                (conn.asked, conn.asked_first, conn.asks) = (true, asks, asks);
                let by = key.map_or(By::Login(asks), By::Key);
                w.send(at, Body::Attach { by, last, epoch: asks });
            }
            Up::Command { number, resent } => {
                let conn = w.conn_mut(at);
                let is_new = conn.top.is_none_or(|top| number > top);
                if !resent {
                    conn.top = conn.top.max(Some(number));
                }
                if resent || is_new || !self.rules.gate_counts {
                    w.send(at, Body::Command { number, resent });
                }
            }
            Up::Acknowledge(place) => w.send(at, Body::Acknowledge(place)),
        }
    }

    /// The gate closes its end.
    pub(super) fn closes(w: &mut World, at: u8) {
        let conn = w.conn_mut(at);
        (conn.gate_end, conn.up) = (false, Vec::new());
    }

    pub(super) fn misses_client(w: &mut World, at: u8) {
        Self::closes(w, at);
        w.send(at, Body::Detach);
    }

    pub(super) fn asks_again(w: &mut World, at: u8) {
        let asks = w.owner.epoch;
        let conn = w.conn_mut(at);
        (conn.doubted, conn.asks) = (false, asks);
        let (last, said, first) = (conn.passed, conn.said, conn.asked_first);
        // Before the owner has taken it, its HELLO is said again.
        let by = match (conn.bound, said) {
            (Some(login), _) => By::Gate(login),
            (None, Some(key)) => By::Key(key),
            (None, None) => By::Login(first),
        };
        w.send(at, Body::Attach { by, last, epoch: asks });
    }

    /// What the owner says of a connection arrives at its gate.
    pub(super) fn gate_hears(&self, w: &mut World, message: Message) {
        let Message { conn: at, epoch, body } = message;
        let conn = w.conn_mut(at);
        if !conn.gate_end {
            return;
        }
        let is_old = epoch < conn.asks && self.rules.owners_in_order;
        // Until an owner has answered it does not know where the pushes of that begin.
        let is_known = conn.answered == Some(epoch) && !conn.doubted;
        let is_lost = matches!(body, Body::Push(_)) && !is_known;
        if is_old || is_lost {
            return;
        }
        match body {
            // It has passed on more since it asked: it asks with that.
            Body::Attached { resumed: false, last, .. } if last != conn.passed => {
                conn.doubted = true;
            }
            Body::Attached { key, resumed, from, pushes, .. } => {
                (conn.bound, conn.answered) = (Some(key.login), Some(epoch));
                conn.passed = from;
                conn.down.push(Down::Welcome { key, resumed, from });
                for push in pushes {
                    conn.passed = push.place;
                    conn.down.push(Down::Push(push));
                }
            }
            Body::Push(push) if !push.place.follows(conn.passed) && self.rules.gate_follows => {
                conn.doubted = true;
            }
            Body::Push(push) => {
                conn.passed = push.place;
                conn.down.push(Down::Push(push));
            }
            Body::Reply { number, answer } => conn.down.push(Down::Reply { number, answer }),
            Body::Kick => {
                conn.down.push(Down::Kicked);
                Self::closes(w, at);
            }
            Body::Close => Self::closes(w, at),
            Body::Attach { .. } | Body::Detach | Body::Command { .. } | Body::Acknowledge(_) => {}
        }
        if !w.conn(at).client_end {
            w.conn_mut(at).down.clear();
        }
    }
}
