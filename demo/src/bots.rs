//! `demo bots`: many players at once that check the reply of each call.
//!
//! | module | what |
//! |---|---|
//! | `logins` | accounts for all bots, registered or logged in |
//! | `world` | what all bots share |
//! | `bot` | one player: connects, calls, hears others, comes back |
//! | `play` | what it does until the end |
//! | `moves` | what a player does next, and what must come of it |
//! | `model` | what a bot knows of its role and its club |
//! | `clubs` | what it does with clubs |
//! | `board` | what all bots know of clubs, and of what is said there |
//! | `audit` | at the end: what bots and clubs say of each other |
//! | `pushes` | what it hears of others |
//! | `score` | what all of them have counted |

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command that reports")]

mod args;
mod progress;
mod score;
mod board;
mod model;
mod world;
mod logins;
mod pushes;
mod bot;
mod clubs;
mod moves;
mod play;
mod audit;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use guildhall::gate::GateConfig;
use guildhall::{Config, Env, StartError};

use crate::login::LoginConfig;
pub use args::BotArgs;
use board::Board;
use bot::Bot;
use progress::Progress;
use score::Score;
use world::World;

/// Plays, and prints the result as the last line: `players= calls= wrong= p50_ms= p99_ms=`.
///
/// Ends with 1 when an answer was wrong, and with 2 when there were less calls than one per player and second.
///
/// # Errors
/// The configuration, or the arguments, make no sense.
pub fn run(config: &Config, args: BotArgs) -> Result<ExitCode, StartError> {
    let gate: GateConfig = config.section("gate")?;
    let login: LoginConfig = config.section("login")?;
    let http = args.login.clone().unwrap_or_else(|| format!("http://{}", login.listen));
    let Some(login) = http.strip_prefix("http://").map(|rest| rest.trim_end_matches('/')) else {
        return Err(StartError::argument(format!("--login {http}: write http://host:port")));
    };
    let mut gates = args.address.clone();
    if gates.is_empty() {
        let with = |scheme, address: &String| {
            (!address.is_empty()).then(|| format!("{scheme}://{address}"))
        };
        gates.extend(with("tcp", &gate.tcp));
        gates.extend(with("ws", &gate.websocket));
    }
    if gates.is_empty() {
        return Err(StartError::argument(
            "gate.tcp and gate.websocket are empty; name one with --address",
        ));
    }
    let env = Env::real();
    let seed = args.seed.unwrap_or_else(|| env.random());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| StartError::system(format!("no runtime: {e}")))?;
    let board = Board::default();
    let world = World { env, login: login.to_owned(), gates, seed, args, board };
    Ok(runtime.block_on(play(Arc::new(world))))
}

async fn play(world: Arc<World>) -> ExitCode {
    let env = &world.env;
    let logins = match logins::all(&world).await {
        Ok(logins) => logins,
        Err(why) => {
            eprintln!("error: {why}");
            return ExitCode::FAILURE;
        }
    };
    let players = Arc::new(pushes::Players::new(world.seed, &logins));
    let mut connected = Vec::new();
    let progress = Progress::new("connect", u64::from(world.args.players));
    // One after the other: bot 0 has its name, which nobody gets, before the others play.
    for (number, login) in (0..).zip(logins) {
        match Bot::connect(&world, &players, number, login).await {
            Ok(bot) => connected.push(bot),
            Err(why) => {
                eprintln!("error: bot {number}: {why}");
                return ExitCode::FAILURE;
            }
        }
        progress.add(1);
    }
    progress.end();
    let progress = Progress::new("play", world.args.seconds);
    let end = env.now() + Duration::from_secs(world.args.seconds);
    let playing = connected.into_iter().map(|bot| env.spawn("bot", play::play(bot, end)));
    let mut playing = std::pin::pin!(join_all(playing));
    let played = loop {
        let second = env.now() + Duration::from_secs(1);
        match env.until(second, playing.as_mut()).await {
            Some(played) => break played,
            None => progress.add(1),
        }
    };
    progress.end();
    let mut score = Score::default();
    let mut bots = Vec::new();
    for bot in played {
        match bot.ok().flatten() {
            Some((bot, true)) => bots.push(bot),
            Some((bot, false)) => score.add(bot.score),
            None => score.wrong("a bot panicked".into()),
        }
    }
    audit::all(&mut bots, &world, &mut score).await;
    join_all(bots.iter().map(|bot| bot.client.close())).await;
    bots.into_iter().for_each(|bot| score.add(bot.score));
    score.report(world.args.players, world.args.seconds)
}
