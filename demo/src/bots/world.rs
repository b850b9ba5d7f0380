//! [`World`]: what all bots share.

use guildhall::env::Env;

use super::args::BotArgs;
use super::board::Board;

/// What all bots share.
#[derive(Debug)]
pub(super) struct World {
    pub(super) env: Env,
    /// `host:port` of the login server.
    pub(super) login: String,
    /// Gates, in turn for one bot after the other.
    pub(super) gates: Vec<String>,
    pub(super) seed: u64,
    pub(super) args: BotArgs,
    pub(super) board: Board,
}

impl World {
    /// A name for bot `number`, another one for each `count`. The first one of bot 0 stays, so that nobody else gets it.
    pub(super) fn name(&self, number: u32, count: u64) -> String {
        let run = self.seed & 0xffff_ffff;
        match count % 100_000 {
            0 => format!("b{run:08x} {number}"),
            count => format!("b{run:08x} {number} {count}"),
        }
    }
}
