//! A bot's checks of the pushes that it receives.

use std::collections::BTreeMap;

use super::logins::Login;
use crate::proto::role::ChannelMsg;
use crate::role::rules;

/// Who plays which bot, for all bots to know.
#[derive(Debug)]
pub(super) struct Players {
    seed: u64,
    numbers: BTreeMap<String, u32>,
}

impl Players {
    pub(super) fn new(seed: u64, logins: &[Login]) -> Self {
        let numbers = logins.iter().zip(0..);
        Self { seed, numbers: numbers.map(|(login, n)| (login.player.clone(), n)).collect() }
    }

    /// What bot `number` says as its `count`th text.
    pub(super) fn text(&self, number: u32, count: u64) -> String {
        format!("{:016x} {number} {count}", self.seed)
    }

    /// What is wrong with what `player` hears, if anything.
    pub(super) fn check(&self, player: &str, msg: &ChannelMsg) -> Result<(), String> {
        let ChannelMsg { role_id, name, text, .. } = msg;
        if role_id == player {
            return Err(format!("{player} hears its own `{text}`"));
        }
        if rules::check_text(text).is_err() || rules::as_name(name).is_err() {
            return Err(format!("{player} hears `{text}` of `{name}`, which nobody may say"));
        }
        // Others than the bots of this run may say what they like.
        let Some(number) = self.numbers.get(role_id) else { return Ok(()) };
        let count = text.strip_prefix(&format!("{:016x} {number} ", self.seed));
        match count.and_then(|count| count.parse::<u64>().ok()) {
            Some(_) => Ok(()),
            None => Err(format!("{player} hears `{text}` from bot {number}, which never said so")),
        }
    }
}
