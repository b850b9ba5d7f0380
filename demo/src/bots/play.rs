//! What a bot does from the beginning to the end: a call, a pause, and back after a lost connection.

use std::time::Duration;

use guildhall::env::Instant;
use rand::Rng as _;

use super::bot::Bot;
use super::moves;

/// Between two calls, in ms.
const PAUSE_MS: std::ops::RangeInclusive<u64> = 200..=800;

/// Plays until `end`; whether it was still connected then.
pub(super) async fn play(mut bot: Bot, end: Instant) -> (Bot, bool) {
    loop {
        let pause = Duration::from_millis(bot.rng.random_range(PAUSE_MS));
        let next = (bot.world.env.now() + pause).min(end);
        let lost = match bot.listen(next).await {
            Ok(()) if next == end => return (bot, true),
            Ok(()) => moves::make(&mut bot).await,
            Err(lost) => Err(lost),
        };
        let Err(lost) = lost else { continue };
        if let Err(why) = bot.come_back(&lost, end).await {
            let number = bot.number;
            bot.score.wrong(format!("bot {number} lost its connection ({}): {why}", lost.why));
            return (bot, false);
        }
    }
}
