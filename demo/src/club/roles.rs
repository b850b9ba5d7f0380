//! The club of each role: one row per role, which ensures that no role is in two clubs.
//!
//! A row `role -> club` says which **one** club may have the role as a member. Whether it has, only that club's actor says. The
//! rows are written by compare and write, by any app; the actor's state by the one owner that the store accepts.
//!
//! 1. A club takes a member only in a turn in which [`Take`](ClubRole::take) has made the role's row its own, and the call is
//!    answered when the club is in the store.
//! 2. `Take` makes a row, or writes again one that names the same club. It never changes one that names another.
//! 3. A row is deleted only at the version at which it was read **before** its club said that the role is no member. The club
//!    says so in a turn that writes its own row (`Exit`, `Vouch`), or it is cancelled, and ids are given once.
//!
//! So a member always has a row that names its club, and as there is one row per role, nobody is in two clubs. Say a row is
//! deleted although club X takes the role. By 1, X has written the row in that turn, at version v. By 3, whoever deletes has read
//! version v or a later one, and X has answered after that: not before this turn, so behind it in the same mailbox, and the
//! answer was yes; or in another activation. Of two activations the store refuses the writes of the one that claimed first:
//! either the answer, and then nothing is deleted, or the new member, and then X has none.
//!
//! What crashes leave behind is a row without a member, never a member without a row:
//!
//! | the crash comes | it leaves | repaired |
//! |---|---|---|
//! | after `Take`, before the club is in the store | a row | by the role's next `Find`, which asks the club |
//! | after `Exit`, before the row is deleted | a row | so, too |
//! | after `Cancel`, before the rows of all members are deleted | rows | by each role's next `Find` |
//! | in a club's `Create`, after `Take` | a row that names no club | so, too: `Vouch` claims the missing club first, so that a `Create` that is still under way is refused by the store |
//! | before the role has noted its club | a role that remembers another club | the role believes the club, not itself |
//!
//! A late call changes nothing of this: a `Take` that arrives when nobody waits for it any more leaves a row without a member.
//!
//! Nobody waits for itself: roles wait for this service and for clubs, this service for clubs, clubs only for `Take`, which waits
//! for nobody.

use futures_util::future::join_all;
use guildhall::status::reason;
use guildhall::store::Cursor;
use guildhall::{Cx, Key, Status};

use super::found;
use crate::proto::club::{
    ClubBrief, ClubClient, ClubError, ClubReq, ClubRole, ClubRoleStateEntity, FindRsp, ListReq,
    ListRsp, ReadReq, RoleReq, TakeReq,
};
use crate::proto::role::{LeftClubReq, RoleClient};

/// Clubs in one answer of `Clubs`.
pub const PAGE: usize = 20;

/// How often a row is read again because somebody else has changed it.
const TRIES_MAX: u32 = 4;

/// Serves `ClubRole`; needs the table of its rows: `.table::<ClubRoleStateEntity>()`.
#[derive(Debug, Default)]
pub struct ClubRoles;

impl ClubRole for ClubRoles {
    async fn take(&self, cx: &Cx, req: TakeReq) -> Result<(), Status> {
        let rows = cx.table::<ClubRoleStateEntity>();
        rows.change(req.role_id, |row| {
            if row.exists() && row.club_id != req.club_id {
                return Err(ClubError::InAClub.into());
            }
            // Also where it says so already: whoever has read it before must not delete it now.
            row.set_club_id(req.club_id);
            row.set_owner(req.owner);
            Ok(())
        })
        .await
    }

    async fn find(&self, cx: &Cx, req: RoleReq) -> Result<FindRsp, Status> {
        let club = settle(cx, &req.role_id, Wish::Vouch).await?;
        Ok(FindRsp { club_id: club.map_or(0, |club| club.club_id) })
    }

    async fn leave(&self, cx: &Cx, req: RoleReq) -> Result<FindRsp, Status> {
        let club = settle(cx, &req.role_id, Wish::Exit).await?;
        let club = club.ok_or(ClubError::NotInAClub)?;
        Ok(FindRsp { club_id: club.club_id })
    }

    async fn cancel(&self, cx: &Cx, req: RoleReq) -> Result<FindRsp, Status> {
        let club = settle(cx, &req.role_id, Wish::Cancel).await?;
        let Was { club_id, members } = club.ok_or(ClubError::NotInAClub)?;
        let others = members.into_iter().filter(|member| *member != req.role_id);
        join_all(others.map(|member| free(cx, club_id, member))).await;
        Ok(FindRsp { club_id })
    }

    async fn clubs(&self, cx: &Cx, req: ListReq) -> Result<ListRsp, Status> {
        let after = (!req.after.is_empty())
            .then(|| Cursor { value: None, key: Key::from(req.after.as_str()) });
        let owners = cx.table::<ClubRoleStateEntity>().query();
        let owners = owners.equal(ClubRoleStateEntity::BY_OWNER, true).after(after);
        let page = owners.limit(PAGE).page().await?;
        let clubs = join_all(page.rows.iter().map(|row| brief(cx, row))).await;
        let clubs = clubs.into_iter().filter_map(Result::transpose).collect::<Result<_, _>>()?;
        Ok(ListRsp { clubs, next: page.next.map_or_else(String::new, |next| next.key.to_string()) })
    }
}

/// What a list says of the club that a row names; nothing when its owner has left the row behind.
async fn brief(cx: &Cx, row: &ClubRoleStateEntity) -> Result<Option<ClubBrief>, Status> {
    let read = ClubClient::new(cx).read(ReadReq { club_id: row.club_id }).await;
    let club = match found(read) {
        Ok(read) => read.club.unwrap_or_default(),
        Err(status) if status.is(ClubError::NoSuchClub) => return Ok(None),
        Err(status) => return Err(status),
    };
    let members = u32::try_from(club.members.len()).unwrap_or(u32::MAX);
    let brief = ClubBrief { club_id: club.club_id, owner: club.owner, members };
    Ok((brief.owner == row.role_id).then_some(brief))
}

/// What is asked of the club that a row names.
#[derive(Clone, Copy, Debug)]
enum Wish {
    /// Say whether the role is a member.
    Vouch,
    /// Let the role go.
    Exit,
    /// End.
    Cancel,
    /// Nothing: a club with this id is no more.
    Gone(u64),
}

/// A club in which the role was found.
#[derive(Debug)]
struct Was {
    club_id: u64,
    /// At its end.
    members: Vec<String>,
}

/// What a club says.
struct Answer {
    was: Option<Was>,
    /// It has the role no more, and never will by what it did before.
    is_out: bool,
}

/// Asks the club that the role's row names, and deletes the row where the club does not have the role. Somebody else who writes
/// the row meanwhile makes it ask again. The club in which the role was found.
async fn settle(cx: &Cx, role_id: &str, wish: Wish) -> Result<Option<Was>, Status> {
    let rows = cx.table::<ClubRoleStateEntity>();
    let (mut was, mut tries) = (None, 0);
    while let Some(row) = rows.get(role_id).await? {
        let answer = ask(cx, row.club_id, role_id, wish).await?;
        was = answer.was.or(was);
        if !answer.is_out {
            break;
        }
        match rows.delete(row).await {
            Ok(()) => break,
            Err(status) if is_changed(&status) && tries < TRIES_MAX => tries += 1,
            Err(status) => return Err(status),
        }
    }
    Ok(was)
}

async fn ask(cx: &Cx, club_id: u64, role_id: &str, wish: Wish) -> Result<Answer, Status> {
    let (clubs, req) = (ClubClient::new(cx), ClubReq { club_id, role_id: role_id.to_owned() });
    let was = |is_member: bool| is_member.then(|| Was { club_id, members: Vec::new() });
    Ok(match wish {
        Wish::Vouch => {
            let is_member = clubs.vouch(req).await?.member;
            Answer { was: was(is_member), is_out: !is_member }
        }
        Wish::Exit => Answer { was: was(clubs.exit(req).await?.member), is_out: true },
        Wish::Cancel => match clubs.cancel(req.clone()).await {
            Ok(end) => {
                let members = end.club.unwrap_or_default().members;
                Answer { was: Some(Was { club_id, members }), is_out: true }
            }
            // Ended already, or not made yet.
            Err(status) if status.reason() == reason::NO_SUCH_ENTITY => {
                let is_out = !clubs.vouch(req).await?.member;
                Answer { was: None, is_out }
            }
            Err(status) => return Err(status),
        },
        Wish::Gone(gone) => Answer { was: None, is_out: club_id == gone },
    })
}

/// Somebody else has written the row, or deleted it.
fn is_changed(status: &Status) -> bool {
    matches!(status.reason(), reason::CONFLICT | reason::NO_SUCH_ENTITY)
}

/// Deletes the row of a member of a club that is no more, and tells the role. What fails is made up for by the role's next `Find`.
async fn free(cx: &Cx, club_id: u64, role_id: String) {
    let freed = settle(cx, &role_id, Wish::Gone(club_id)).await.map(drop);
    let told = RoleClient::new(cx).left_club(LeftClubReq { role_id, club_id }).await;
    if let Err(status) = freed.and(told) {
        tracing::debug!(%status, club_id, "freeing a club member failed");
    }
}
