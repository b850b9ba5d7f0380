//! The faults of a scenario.

/// How often each fault may occur.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Faults {
    /// A connection ends for its client. Its gate learns of it later, if at all.
    pub cut: u8,
    /// A client gives up an attempt that goes on without it.
    pub race: u8,
    pub gate_crash: u8,
    /// The app with the session ends, and what it had sent may be lost.
    pub owner_crash: u8,
    /// The session moves to another owner.
    pub moves: u8,
    /// What is on its way between a gate and the owner is lost.
    pub link: u8,
    /// A client's packet arrives twice.
    pub duplicate: u8,
    /// Somebody says a HELLO again that he has seen.
    pub theft: u8,
    /// `session.keep_ms` is over.
    pub expiry: u8,
}

impl Faults {
    /// For people.
    pub fn shown(&self) -> String {
        let named = [
            ("cut", self.cut),
            ("race", self.race),
            ("gate crash", self.gate_crash),
            ("owner crash", self.owner_crash),
            ("move", self.moves),
            ("link", self.link),
            ("duplicate", self.duplicate),
            ("theft", self.theft),
            ("expiry", self.expiry),
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
