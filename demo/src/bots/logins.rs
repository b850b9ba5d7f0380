//! Accounts of the bots: registered, or logged in if they exist.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::task::JoinSet;

use super::progress::Progress;
use super::world::World;
use crate::http::{Answer, post};

/// Requests at a time: hashing passwords is slow on purpose, and the server's queue is bounded.
const AT_A_TIME: usize = 16;
/// How often a login that the server is too busy for is tried again.
const TRIES_MAX: u32 = 20;
const PAUSE: Duration = Duration::from_millis(500);

/// What a bot connects with.
#[derive(Clone, Debug)]
pub(super) struct Login {
    pub(super) player: String,
    pub(super) token: String,
}

/// Logs all bots in; in their order.
pub(super) async fn all(world: &Arc<World>) -> Result<Vec<Login>, String> {
    let players = world.args.players;
    let progress = Progress::new("login", u64::from(players));
    let mut running = JoinSet::new();
    let mut logins = vec![None; usize::try_from(players).unwrap_or_default()];
    let mut numbers = 0..players;
    loop {
        while running.len() < AT_A_TIME
            && let Some(number) = numbers.next()
        {
            let world = Arc::clone(world);
            running.spawn(async move { (number, register_or_login(&world, number).await) });
        }
        let Some(done) = running.join_next().await else { break };
        let (number, login) = done.map_err(|e| e.to_string())?;
        let place = usize::try_from(number).ok().and_then(|at| logins.get_mut(at));
        if let Some(place) = place {
            *place = Some(login?);
        }
        progress.add(1);
    }
    progress.end();
    logins.into_iter().collect::<Option<Vec<Login>>>().ok_or_else(|| "a login is missing".into())
}

async fn register_or_login(world: &World, number: u32) -> Result<Login, String> {
    match request(world, "/register", number).await? {
        answer if answer.code == 409 => again(world, number).await,
        answer => login_of(&answer, 201),
    }
}

/// Logs in to an account that exists.
pub(super) async fn again(world: &World, number: u32) -> Result<Login, String> {
    login_of(&request(world, "/login", number).await?, 200)
}

async fn request(world: &World, path: &str, number: u32) -> Result<Answer, String> {
    // A password that follows from the seed: whoever knows the seed may play the bot.
    let account = format!("bot-{:016x}-{number}", world.seed);
    let password = format!("{:x}", Sha256::digest(&account));
    let body = json!({ "account": account, "password": password });
    let mut tries = 0;
    loop {
        let answer = post(&world.env, &world.login, path, &body).await?;
        tries += 1;
        if !matches!(answer.code, 429 | 503) || tries == TRIES_MAX {
            return Ok(answer);
        }
        world.env.sleep(PAUSE).await;
    }
}

fn login_of(answer: &Answer, expected: u16) -> Result<Login, String> {
    let text = |name: &str| answer.body[name].as_str().map(str::to_owned);
    match (answer.code == expected, text("player"), text("token")) {
        (true, Some(player), Some(token)) => Ok(Login { player, token }),
        _ => Err(format!("the login server answered {} {}", answer.code, answer.body)),
    }
}
