//! The end of a run: compares the pushes and the knowledge of the bots with their clubs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use guildhall::Status;
use guildhall_client::Client;

use super::bot::Bot;
use super::clubs;
use super::model::Club;
use super::score::Score;
use super::world::World;
use crate::proto::club::{ClubBrief, ClubError};
use crate::proto::role::{ClubInfoReq, ClubInfoRsp, ListClubsReq, RoleClient};

/// How long what was said last may take to be heard.
const HEAR_MAX: Duration = Duration::from_secs(10);
/// Pages of the list of clubs that are read.
const PAGES_MAX: usize = 10_000;

/// Reads everything back, and counts what is wrong.
pub(super) async fn all(bots: &mut [Bot], world: &World, score: &mut Score) {
    let end = world.env.now() + HEAR_MAX;
    join_all(bots.iter_mut().map(|bot| bot.hear_out(end))).await;
    world.board.wrong(world.args.reconnect).into_iter().for_each(|why| score.wrong(why));
    // What each one believes, checked once more.
    join_all(bots.iter_mut().map(clubs::ask)).await;
    let mut members = BTreeMap::<u64, BTreeSet<String>>::new();
    for bot in bots.iter().filter(|bot| bot.club != Club::None) {
        if bot.club == Club::Unsure {
            score.wrong(format!("bot {} does not learn which club it is in", bot.number));
        }
        members.entry(bot.club.id()).or_default().insert(bot.client.player());
    }
    let Some(reader) = bots.first().map(|bot| bot.client.clone()) else { return };
    let listed = match list(&reader).await {
        Ok(listed) => listed,
        Err(status) => return score.wrong(format!("clubs cannot be listed: {status}")),
    };
    let players: BTreeSet<String> = bots.iter().map(|bot| bot.client.player()).collect();
    let ids: BTreeSet<u64> = members.keys().copied().chain(world.board.clubs()).collect();
    for club_id in ids {
        let believed = members.remove(&club_id).unwrap_or_default();
        let told = info(&reader, club_id).await;
        if let Err(why) = compare(club_id, &believed, told, &players, &listed) {
            score.wrong(why);
        }
    }
}

fn compare(
    club_id: u64,
    believed: &BTreeSet<String>,
    told: Result<ClubInfoRsp, Status>,
    players: &BTreeSet<String>,
    listed: &[ClubBrief],
) -> Result<(), String> {
    let told = match told {
        Ok(told) => told,
        Err(status) if status.is(ClubError::NoSuchClub) && believed.is_empty() => return Ok(()),
        Err(status) => return Err(format!("club {club_id}: {status}; its members: {believed:?}")),
    };
    let count = told.members.len();
    // Players of other runs may be in clubs that are older.
    let ours: Vec<_> = told.members.into_iter().map(|member| member.role_id).collect();
    let ours: BTreeSet<_> = ours.into_iter().filter(|role| players.contains(role)).collect();
    if ours != *believed {
        return Err(format!("club {club_id} says {ours:?}, its members {believed:?}"));
    }
    let counts: Vec<_> = listed.iter().filter(|club| club.club_id == club_id).collect();
    match counts.as_slice() {
        [club] if usize::try_from(club.members) == Ok(count) && club.owner == told.owner => Ok(()),
        other => Err(format!(
            "club {club_id} of {} has {count} members; listed is {other:?}",
            told.owner
        )),
    }
}

async fn info(client: &Client, club_id: u64) -> Result<ClubInfoRsp, Status> {
    client.call(RoleClient::CLUB_INFO, ClubInfoReq { club_id, ..ClubInfoReq::default() }).await
}

async fn list(client: &Client) -> Result<Vec<ClubBrief>, Status> {
    let (mut clubs, mut after) = (Vec::new(), String::new());
    for _ in 0..PAGES_MAX {
        let req = ListClubsReq { after, ..ListClubsReq::default() };
        let page = client.call(RoleClient::LIST_CLUBS, req).await?;
        clubs.extend(page.clubs);
        after = page.next;
        if after.is_empty() {
            break;
        }
    }
    Ok(clubs)
}
