//! The next step of a bot, and its expected result.

use guildhall::Effect;
use rand::Rng as _;

use super::bot::{Bot, Lost, call, unanswered};
use super::clubs;
use crate::proto::role::{
    GetInfoReq, PostReq, PowerUpReq, RenameReq, RoleClient, RoleError, RoleRsp,
};
use crate::role::rules::{NAME_MAX, TEXT_MAX};

/// Makes one call, and checks its answer. Of a hundred: 45 power, 10 info, 20 clubs, 8 names, 5 texts (so that all bots together
/// say less than one per second each), 12 that must fail.
pub(super) async fn make(bot: &mut Bot) -> Result<(), Lost> {
    match bot.rng.random_range(0..100) {
        0..45 => power_up(bot).await,
        45..55 => info(bot).await,
        55..75 => clubs::make(bot).await,
        75..83 if bot.number > 0 => rename(bot).await,
        83..88 => post(bot).await,
        88.. => bad_input(bot).await,
        _ => info(bot).await,
    }
}

async fn power_up(bot: &mut Bot) -> Result<(), Lost> {
    let add = bot.rng.random_range(0..1000);
    let req = PowerUpReq { add, ..PowerUpReq::default() };
    match call(bot, RoleClient::POWER_UP, req).await {
        Ok(rsp) => {
            bot.model.power += add;
            check(bot, "power up", rsp);
            Ok(())
        }
        Err(status) => unanswered(bot, "power up", &status, |bot| bot.model.power_maybe += add),
    }
}

async fn info(bot: &mut Bot) -> Result<(), Lost> {
    match call(bot, RoleClient::GET_INFO, GetInfoReq::default()).await {
        Ok(rsp) => {
            check(bot, "info", rsp);
            Ok(())
        }
        Err(status) => unanswered(bot, "info", &status, |_| {}),
    }
}

async fn rename(bot: &mut Bot) -> Result<(), Lost> {
    bot.count += 1;
    let name = bot.world.name(bot.number, bot.count);
    let req = RenameReq { name: name.clone(), ..RenameReq::default() };
    match call(bot, RoleClient::RENAME, req).await {
        Ok(rsp) => {
            bot.model.name = name;
            check(bot, "rename", rsp);
            Ok(())
        }
        Err(status) => unanswered(bot, "rename", &status, |bot| bot.model.name_maybe = Some(name)),
    }
}

async fn post(bot: &mut Bot) -> Result<(), Lost> {
    bot.count += 1;
    let text = bot.players.text(bot.number, bot.count);
    match call(bot, RoleClient::POST, PostReq { text, ..PostReq::default() }).await {
        Ok(_) => Ok(()),
        Err(status) => unanswered(bot, "post", &status, |_| {}),
    }
}

/// Says something that no role takes; the role stays as it is, which the next answer shows.
async fn bad_input(bot: &mut Bot) -> Result<(), Lost> {
    let rename = |name: String| RenameReq { name, ..RenameReq::default() };
    let add = |add| PowerUpReq { add, ..PowerUpReq::default() };
    let post = |text: String| PostReq { text, ..PostReq::default() };
    let pick = bot.rng.random_range(0..8);
    let (error, result) = match pick {
        0 => (
            RoleError::EmptyName,
            call(bot, RoleClient::RENAME, rename(String::new())).await.map(drop),
        ),
        1 => {
            let name = "x".repeat(NAME_MAX + 1);
            (RoleError::LongName, call(bot, RoleClient::RENAME, rename(name)).await.map(drop))
        }
        2 => (
            RoleError::BadName,
            call(bot, RoleClient::RENAME, rename("a\u{7}b".into())).await.map(drop),
        ),
        3 if bot.number > 0 => {
            let taken = bot.world.name(0, 0).to_uppercase();
            (RoleError::NameTaken, call(bot, RoleClient::RENAME, rename(taken)).await.map(drop))
        }
        4 if bot.model.power > 0 => (
            RoleError::TooMuchPower,
            call(bot, RoleClient::POWER_UP, add(i64::MAX)).await.map(drop),
        ),
        5 => (RoleError::EmptyText, call(bot, RoleClient::POST, post(" ".into())).await.map(drop)),
        6 => {
            let text = "x".repeat(TEXT_MAX + 1);
            (RoleError::LongText, call(bot, RoleClient::POST, post(text)).await.map(drop))
        }
        _ => (RoleError::NegativePower, call(bot, RoleClient::POWER_UP, add(-1)).await.map(drop)),
    };
    match result {
        Err(status) if status.is(error) && status.effect() == Effect::Ran => Ok(()),
        Err(status) => unanswered(bot, &format!("{error:?}"), &status, |_| {}),
        Ok(()) => {
            bot.score.wrong(format!("bot {}: {error:?} was taken as good", bot.number));
            Ok(())
        }
    }
}

/// Compares the role of an answer with what the bot knows. One mistake is counted once.
fn check(bot: &mut Bot, what: &str, rsp: RoleRsp) {
    let role = rsp.role.unwrap_or_default();
    let player = bot.client.player();
    let known = if role.role_id == player {
        bot.model.check(&role)
    } else {
        Err(format!("the role of {}, where {player} has asked", role.role_id))
    };
    if let Err(why) = known {
        bot.score.wrong(format!("bot {}, {what}: {why}", bot.number));
    }
}
