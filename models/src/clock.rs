//! The lease's clock (rule 5): may a holder think that its lease is valid when the service has let it expire?
//!
//! A model of its own, as it is the only part in which time has a length: ticks of the service's clock, of which the holder's may
//! miss one per TTL. It bears out what the model of the protocol takes for granted where clocks are not broken.

use stateright::{Checker, Model, Property};

const TTL: u8 = 4;
const END: u8 = 14;

/// How a holder finds its deadline.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    pub name: &'static str,
    /// From the time when the keep-alive was sent, not from the answer's arrival.
    pub from_sending: bool,
    pub margin: u8,
    /// It does not count while the machine is suspended.
    pub stops: bool,
    pub holds: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Times {
    now: u8,
    own: u8,
    missed: u8,
    sent: Option<u8>,
    answered: Option<(u8, bool)>,
    expiry: u8,
    deadline: u8,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    Tick,
    /// The holder's clock misses it.
    Miss,
    Send,
    Serve,
    Hear,
}

pub const CLOCKS: [Clock; 4] = [
    Clock {
        name: "clock: from the sending, with a margin",
        from_sending: true,
        margin: 1,
        stops: false,
        holds: true,
    },
    Clock {
        name: "clock: from the answer's arrival",
        from_sending: false,
        margin: 1,
        stops: false,
        holds: false,
    },
    Clock { name: "clock: no margin", from_sending: true, margin: 0, stops: false, holds: false },
    Clock {
        name: "clock: stops during a suspend",
        from_sending: true,
        margin: 1,
        stops: true,
        holds: false,
    },
];

impl Clock {
    /// The number of states, and whether a holder's "valid" is always true.
    pub fn check(self) -> (usize, bool) {
        let checker = self.checker().spawn_bfs().join();
        (checker.unique_state_count(), checker.discoveries().is_empty())
    }
}

impl Model for Clock {
    type State = Times;
    type Action = Event;

    fn init_states(&self) -> Vec<Times> {
        let deadline = 2 * TTL - self.margin;
        vec![Times {
            now: TTL,
            own: TTL,
            missed: 0,
            sent: None,
            answered: None,
            expiry: 2 * TTL,
            deadline,
        }]
    }

    fn actions(&self, t: &Times, out: &mut Vec<Event>) {
        if t.now < END {
            out.push(Event::Tick);
            // Drift: one tick per TTL at most.
            if self.stops || t.now - t.missed >= TTL {
                out.push(Event::Miss);
            }
        }
        if t.sent.is_none() && t.answered.is_none() && t.own < t.deadline {
            out.push(Event::Send);
        }
        if t.sent.is_some() {
            out.push(Event::Serve);
        }
        if t.answered.is_some() {
            out.push(Event::Hear);
        }
    }

    fn next_state(&self, last: &Times, event: Event) -> Option<Times> {
        let mut t = last.clone();
        match event {
            Event::Tick => (t.now, t.own) = (t.now + 1, t.own + 1),
            Event::Miss => (t.now, t.missed) = (t.now + 1, t.now + 1),
            Event::Send => t.sent = Some(t.own),
            Event::Serve => {
                // Rule 4: an expired lease is never renewed.
                let renewed = t.now < t.expiry;
                if renewed {
                    t.expiry = t.now + TTL;
                }
                t.answered = t.sent.take().map(|at| (at, renewed));
            }
            Event::Hear => {
                let (at, renewed) = t.answered.take()?;
                let from = if self.from_sending { at } else { t.own };
                t.deadline = if renewed { from + TTL - self.margin } else { 0 };
            }
        }
        Some(t)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("valid here means held there", |_, t: &Times| {
            t.own >= t.deadline || t.now < t.expiry
        })]
    }
}
