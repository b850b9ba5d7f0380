//! A bot's steps with clubs, and their expected results: many bots compete for few clubs.

use guildhall::status::reason;
use guildhall::{Effect, Status};
use rand::Rng as _;
use rand::seq::IndexedRandom as _;

use super::bot::{Bot, Lost, call, unanswered};
use super::model::Club;
use crate::club::MEMBERS_MAX;
use crate::proto::club::ClubError;
use crate::proto::role::{
    CancelClubReq, Channel, ClubInfoReq, ClubInfoRsp, ClubRsp, CreateClubReq, ExitClubReq,
    JoinClubReq, PostReq, RoleClient,
};

/// Bots of which one makes a club, when it is in none.
const BOTS_PER_CLUB: u32 = 25;

/// Makes one call.
pub(super) async fn make(bot: &mut Bot) -> Result<(), Lost> {
    let pick = bot.rng.random_range(0..100);
    match bot.club {
        Club::Unsure => own_info(bot).await,
        Club::None => match pick {
            0..70 if bot.number.is_multiple_of(BOTS_PER_CLUB) => create(bot).await,
            0..80 => join(bot).await,
            80..85 => exit(bot).await,
            85..90 => cancel(bot).await,
            _ => own_info(bot).await,
        },
        Club::Member(_) => match pick {
            0..35 => say(bot).await,
            35..65 => own_info(bot).await,
            65..85 => exit(bot).await,
            85..90 => cancel(bot).await,
            90..95 => create(bot).await,
            _ => join(bot).await,
        },
        Club::Owner(_) => match pick {
            0..40 => say(bot).await,
            40..75 => own_info(bot).await,
            75..85 => exit(bot).await,
            85..92 => cancel(bot).await,
            92..96 => create(bot).await,
            _ => join(bot).await,
        },
    }
}

async fn create(bot: &mut Bot) -> Result<(), Lost> {
    let answer = call(bot, RoleClient::CREATE_CLUB, CreateClubReq::default()).await;
    let now_in = |club| Club::Owner(club);
    entered(bot, "create a club", answer, now_in)
}

async fn join(bot: &mut Bot) -> Result<(), Lost> {
    let clubs = bot.world.board.clubs();
    // Its own again would be no mistake.
    let others: Vec<u64> = clubs.into_iter().filter(|club| *club != bot.club.id()).collect();
    let Some(&club_id) = others.choose(&mut bot.rng) else { return own_info(bot).await };
    let req = JoinClubReq { club_id, ..JoinClubReq::default() };
    match call(bot, RoleClient::JOIN_CLUB, req).await {
        Err(status) if status.is(ClubError::Full) && is_answer(&status) => Ok(()),
        Err(status) if status.is(ClubError::NoSuchClub) && is_answer(&status) => {
            if !bot.world.board.is_ending(club_id) {
                bot.wrong(&format!("join: club {club_id} is gone, and nobody has ended it"));
            }
            Ok(())
        }
        answer => entered(bot, "join a club", answer, Club::Member),
    }
}

/// Of a call that must not be done for a bot that is in a club.
fn entered(
    bot: &mut Bot,
    what: &str,
    answer: Result<ClubRsp, Status>,
    now_in: fn(u64) -> Club,
) -> Result<(), Lost> {
    let (club, may_be_free) = (bot.club, bot.may_be_free());
    match answer {
        Ok(rsp) => {
            if !may_be_free {
                bot.wrong(&format!("{what}: taken into {}, while in {club:?}", rsp.club_id));
            }
            bot.club = now_in(rsp.club_id);
            bot.world.board.open(rsp.club_id);
            Ok(())
        }
        Err(status) if status.is(ClubError::InAClub) && is_answer(&status) => {
            if club == Club::None {
                bot.wrong(&format!("{what}: refused, while in no club"));
                bot.club = Club::Unsure;
            }
            Ok(())
        }
        Err(status) => unanswered(bot, what, &status, |bot| bot.club = Club::Unsure),
    }
}

async fn exit(bot: &mut Bot) -> Result<(), Lost> {
    let answer = call(bot, RoleClient::EXIT_CLUB, ExitClubReq::default()).await;
    left(bot, "exit", answer, ClubError::OwnerStays, matches!(bot.club, Club::Owner(_)))
}

async fn cancel(bot: &mut Bot) -> Result<(), Lost> {
    let own = match bot.club {
        Club::Owner(club) => Some(club),
        _ => None,
    };
    if let Some(club) = own {
        bot.world.board.ending(club);
    }
    let answer = call(bot, RoleClient::CANCEL_CLUB, CancelClubReq::default()).await;
    let not_run = answer.as_ref().is_err_and(|status| status.effect() == Effect::NotRun);
    if let Some(club) = own.filter(|_| not_run) {
        bot.world.board.stays(club);
    }
    let is_member = matches!(bot.club, Club::Member(_));
    left(bot, "cancel", answer, ClubError::NotTheOwner, is_member)
}

/// Of a call that takes the bot out of its club, unless it `must_stay` there by `stays`.
fn left(
    bot: &mut Bot,
    what: &str,
    answer: Result<ClubRsp, Status>,
    stays: ClubError,
    must_stay: bool,
) -> Result<(), Lost> {
    let (club, may_be_free) = (bot.club, bot.may_be_free());
    match answer {
        Ok(rsp) => {
            if must_stay || rsp.club_id != club.id() {
                bot.wrong(&format!("{what}: out of {}, while in {club:?}", rsp.club_id));
            }
            bot.club = Club::None;
            Ok(())
        }
        Err(status) if status.is(stays) && is_answer(&status) => {
            if !must_stay {
                bot.wrong(&format!("{what}: {status}, while in {club:?}"));
            }
            Ok(())
        }
        Err(status) if status.is(ClubError::NotInAClub) && is_answer(&status) => {
            bot.gone(what, may_be_free);
            Ok(())
        }
        Err(status) => unanswered(bot, what, &status, |bot| bot.club = Club::Unsure),
    }
}

async fn say(bot: &mut Bot) -> Result<(), Lost> {
    bot.count += 1;
    let text = bot.players.text(bot.number, bot.count);
    let req = PostReq { text: text.clone(), channel: Channel::Club.into(), ..PostReq::default() };
    let (begun, may_be_free) = (bot.world.env.now(), bot.may_be_free());
    match call(bot, RoleClient::POST, req).await {
        Ok(rsp) => {
            bot.world.board.sent(&text, &rsp.heard_by, begun);
            Ok(())
        }
        Err(status) if status.reason() == reason::LIMITED => Ok(()),
        Err(status)
            if (status.is(ClubError::NotInAClub) || status.is(ClubError::NoSuchClub))
                && is_answer(&status) =>
        {
            let may_be_free = may_be_free || bot.may_be_free();
            bot.gone("say", may_be_free);
            Ok(())
        }
        Err(status) => {
            bot.world.board.unanswered(&text);
            unanswered(bot, "say", &status, |_| {})
        }
    }
}

async fn own_info(bot: &mut Bot) -> Result<(), Lost> {
    match call(bot, RoleClient::CLUB_INFO, ClubInfoReq::default()).await {
        Ok(info) => {
            let player = bot.client.player();
            let club = if info.owner == player { Club::Owner } else { Club::Member }(info.club_id);
            if let Err(why) = check(&info, &player) {
                bot.wrong(&why);
            }
            if bot.club != Club::Unsure && bot.club != club {
                bot.wrong(&format!("club info: in {club:?}, where {:?} is right", bot.club));
            }
            bot.world.board.open(info.club_id);
            bot.club = club;
            Ok(())
        }
        Err(status) if status.is(ClubError::NotInAClub) && is_answer(&status) => {
            let may_be_free = bot.may_be_free();
            bot.gone("club info", may_be_free);
            Ok(())
        }
        Err(status) => unanswered(bot, "club info", &status, |_| {}),
    }
}

/// Asks which club it is in, at the end of a run.
pub(super) async fn ask(bot: &mut Bot) {
    if let Err(lost) = own_info(bot).await {
        bot.wrong(&format!("asked for its club: {lost:?}"));
    }
}

/// What is wrong with a club that has `player`, if anything.
fn check(info: &ClubInfoRsp, player: &str) -> Result<(), String> {
    let has = |player: &str| info.members.iter().filter(|it| it.role_id == player).count();
    let count = info.members.len();
    match info {
        _ if count > MEMBERS_MAX => Err(format!("club {} has {count} members", info.club_id)),
        _ if info.members.iter().any(|member| has(&member.role_id) != 1) => {
            Err(format!("club {} has a member twice", info.club_id))
        }
        _ if has(&info.owner) == 0 => Err(format!("club {} lacks its owner", info.club_id)),
        _ if has(player) == 0 => Err(format!("club {} lacks {player}", info.club_id)),
        _ => Ok(()),
    }
}

/// The game has spoken, and not the way to it.
fn is_answer(status: &Status) -> bool {
    status.effect() == Effect::Ran
}

impl Bot {
    /// Whether it is in no club, or in one that may have been ended.
    pub(super) fn may_be_free(&self) -> bool {
        match self.club {
            Club::None | Club::Unsure => true,
            Club::Member(club) => self.world.board.is_ending(club),
            // Nobody else ends it.
            Club::Owner(_) => false,
        }
    }

    /// It is in no club.
    fn gone(&mut self, what: &str, may_be_free: bool) {
        // Asked again: somebody may have begun to end it after the call was made.
        if !(may_be_free || self.may_be_free()) {
            self.wrong(&format!("{what}: in no club, where {:?} is right", self.club));
        }
        self.club = Club::None;
    }

    fn wrong(&mut self, what: &str) {
        self.score.wrong(format!("bot {}, {what}", self.number));
    }
}
