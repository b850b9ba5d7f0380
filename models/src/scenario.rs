//! A scenario: how many apps, slots and keys, what is asked of them, which faults may strike, and which rules are in force.

use crate::rules::Rules;

pub const SLOTS: usize = 2;
pub const KEYS: usize = 2;

/// A client's command, or a call that another command makes.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    pub session: u8,
    pub number: u8,
    pub key: u8,
    pub does: Does,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// Counts itself in the row.
    Add,
    /// Deletes the row.
    Delete,
    /// As `Add`, after a durable call: the command of this index.
    Call(u8),
    /// As `Add`, with a message in the outbox: the command of this index.
    Post(u8),
}

/// How often each fault may strike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Faults {
    pub crash: u8,
    /// Of an app, for any time: past the expiry too.
    pub pause: u8,
    /// An app does not reach the lease service and other apps, but the store.
    pub cut: u8,
    /// The app's own deadline passes, though the service keeps the session (with broken clocks: or the other way round).
    pub lapse: u8,
    /// Of one activation.
    pub panic: u8,
    pub duplicate: u8,
    /// Of a message, or of an answer of store or lease service.
    pub loss: u8,
    /// The lease service forgets epochs and holders.
    pub reset: u8,
    /// The lease service forgets holders, and no epochs.
    pub restart: u8,
    /// A copy of a holder's `acquire` comes late, and nobody hears the answer.
    pub late: u8,
    /// A move, or the answer to a claim, is given up before its time.
    pub abort: u8,
    /// A tombstone is removed. No fault, but it happens at any time.
    pub sweep: u8,
}

#[derive(Clone, Debug)]
pub struct Scenario {
    pub name: &'static str,
    /// Properties of which a counterexample is to be found; none: all hold.
    pub finds: &'static [&'static str],
    /// What must happen somewhere, lest the scenario shows nothing.
    pub reaches: &'static [&'static str],
    /// Whether the good end is looked for from every state.
    pub live: bool,
    /// Whether the test command runs it.
    #[cfg_attr(not(test), allow(dead_code, reason = "for tests alone"))]
    pub quick: bool,
    pub apps: u8,
    pub slots: u8,
    pub keys: u8,
    /// The slot of each key.
    pub slot_of: [u8; KEYS],
    /// Whom each successive view names for each slot.
    pub views: Vec<[u8; SLOTS]>,
    /// The apps of the first view hold their slots and have activated all keys.
    pub owned: bool,
    pub commands: Vec<Command>,
    /// Commands without a reply that clients have at a time.
    pub outstanding: u8,
    /// Non-durable calls per key.
    pub soft: u8,
    /// The rows do not exist at first.
    pub absent: bool,
    pub reads: bool,
    /// Activations are suspended at the deadline, not dropped.
    pub suspends: bool,
    /// Claims and their answers are messages; else they take no time.
    pub claims_travel: bool,
    /// `transfer` and its answer are messages; else they take no time.
    pub transfers_travel: bool,
    /// Clocks keep no bound.
    pub broken_clock: bool,
    /// No grant has a larger epoch: keeps the model finite.
    pub last_epoch: u8,
    pub faults: Faults,
    pub rules: Rules,
}

/// A command of the one session, on the first key.
pub const fn add(number: u8) -> Command {
    on(0, number)
}

pub const fn on(key: u8, number: u8) -> Command {
    Command { session: 0, number, key, does: Does::Add }
}

/// The protocol as it is: two apps, one slot which goes from one to the other, one key, two commands, no faults.
pub fn protocol(name: &'static str) -> Scenario {
    Scenario {
        name,
        finds: &[],
        reaches: &[],
        live: true,
        quick: false,
        apps: 2,
        slots: 1,
        keys: 1,
        slot_of: [0, 1],
        views: vec![[0, 0], [1, 1]],
        owned: true,
        commands: vec![add(0), add(1)],
        outstanding: 1,
        soft: 0,
        absent: false,
        reads: false,
        suspends: false,
        claims_travel: false,
        transfers_travel: false,
        broken_clock: false,
        last_epoch: 8,
        faults: Faults::default(),
        rules: Rules::default(),
    }
}

impl Scenario {
    /// The app that a view names for a slot.
    pub fn target(&self, view: u8, slot: u8) -> u8 {
        self.views[view as usize][slot as usize]
    }

    pub fn last_view(&self) -> u8 {
        u8::try_from(self.views.len()).map_or(u8::MAX, |n| n - 1)
    }

    pub fn keys_of(&self, slot: u8) -> impl Iterator<Item = u8> + '_ {
        (0..self.keys).filter(move |key| self.slot_of[*key as usize] == slot)
    }

    pub fn indices(&self) -> std::ops::Range<u8> {
        0..u8::try_from(self.commands.len()).unwrap_or(u8::MAX)
    }

    /// The command that makes this call or posts this message.
    pub fn parent(&self, command: u8) -> Option<u8> {
        self.indices().find(|parent| match self.commands[*parent as usize].does {
            Does::Call(child) | Does::Post(child) => child == command,
            Does::Add | Does::Delete => false,
        })
    }

    /// Whether the command is a message of an outbox.
    pub fn is_posted(&self, command: u8) -> bool {
        self.commands.iter().any(|parent| parent.does == Does::Post(command))
    }

    /// The faults, for people.
    pub fn shows_faults(&self) -> String {
        let f = &self.faults;
        let named = [
            ("crash", f.crash),
            ("pause", f.pause),
            ("cut", f.cut),
            ("lapse", f.lapse),
            ("panic", f.panic),
            ("duplicate", f.duplicate),
            ("loss", f.loss),
            ("lost epochs", f.reset),
            ("lost holders", f.restart),
            ("late acquire", f.late),
            ("abort", f.abort),
            ("sweep", f.sweep),
            ("broken clocks", u8::from(self.broken_clock)),
        ];
        let some: Vec<String> = named
            .iter()
            .filter(|(_, times)| *times > 0)
            .map(
                |(name, times)| if *times > 1 { format!("{times} {name}") } else { (*name).into() },
            )
            .collect();
        if some.is_empty() { "none".into() } else { some.join(", ") }
    }
}
