//! The game as a simulated cluster: parts in apps of their own, on one store, from one seed.

use std::time::Duration;

use demo::proto::club::{ClubRoleClient, RoleReq};
use demo::proto::role::{
    CancelClubReq, ClubInfoReq, ClubInfoRsp, CreateClubReq, ExitClubReq, JoinClubReq, RegisterReq,
    RoleClient,
};
use demo::serve;
use guildhall::gate::{Authenticate, Gate, Identity};
use guildhall::{App, Cx, Status};
use guildhall_testkit::Cluster;

/// Runs nothing itself.
pub(crate) const CALLER: &str = "demo.w1.caller.1";

/// Types that are not all one slot have fewer slots than in the program: each takes its time.
const SLOTS: (&str, &str) = ("app.slots", "64");

/// Apps by their ids, each with its parts, and [`CALLER`].
pub(crate) async fn start(cluster: &mut Cluster, apps: &[(&str, &[&'static str])]) {
    for (id, parts) in apps {
        start_app(cluster, id, parts, &[]).await;
    }
    cluster.start(CALLER, |app| app).await.unwrap();
    cluster.linked().await;
}

/// One app more.
pub(crate) async fn start_app(
    cluster: &mut Cluster,
    id: &str,
    parts: &[&'static str],
    settings: &[(&str, &str)],
) {
    let parts = parts.to_vec();
    // As in the program.
    let one_slot = serve::ONE_SLOT.iter().map(|(part, slots)| (part, (*slots, "1")));
    let always = serve::ALWAYS_ACTIVE.iter().map(|(part, rows)| (part, (*rows, "true")));
    let of_parts = one_slot.chain(always).filter(|(part, _)| parts.contains(part));
    let of_parts = of_parts.map(|(_, setting)| setting);
    let settings: Vec<_> = settings.iter().copied().chain([SLOTS]).chain(of_parts).collect();
    let build = move |app: App| parts.iter().fold(app, |app, part| serve::game(app, part));
    cluster.start_with(id, &settings, build).await.unwrap();
}

/// A gate that believes whatever a client says.
pub(crate) async fn start_gate(cluster: &mut Cluster, id: &str) {
    let gate = |app: App| app.component(Gate::new().authenticate(Everybody));
    let listen = format!("{id}:7000");
    cluster.start_with(id, &[("gate.tcp", &listen)], gate).await.unwrap();
    cluster.linked().await;
}

pub(crate) struct Everybody;

impl Authenticate for Everybody {
    fn authenticate(&self, token: &str, _wall: Duration) -> Result<Identity, Status> {
        Ok(Identity { account: token.to_owned(), ..Identity::default() })
    }
}

pub(crate) async fn register(cx: &Cx, role_id: &str) {
    let req = RegisterReq { role_id: role_id.into(), name: format!("name {role_id}") };
    RoleClient::new(cx).register(req).await.unwrap();
}

pub(crate) async fn create(cx: &Cx, role_id: &str) -> Result<u64, Status> {
    let req = CreateClubReq { role_id: role_id.into() };
    Ok(RoleClient::new(cx).create_club(req).await?.club_id)
}

pub(crate) async fn join(cx: &Cx, role_id: &str, club_id: u64) -> Result<u64, Status> {
    let req = JoinClubReq { role_id: role_id.into(), club_id };
    Ok(RoleClient::new(cx).join_club(req).await?.club_id)
}

pub(crate) async fn exit(cx: &Cx, role_id: &str) -> Result<u64, Status> {
    let req = ExitClubReq { role_id: role_id.into() };
    Ok(RoleClient::new(cx).exit_club(req).await?.club_id)
}

pub(crate) async fn cancel(cx: &Cx, role_id: &str) -> Result<u64, Status> {
    let req = CancelClubReq { role_id: role_id.into() };
    Ok(RoleClient::new(cx).cancel_club(req).await?.club_id)
}

pub(crate) async fn info(cx: &Cx, role_id: &str, club_id: u64) -> Result<ClubInfoRsp, Status> {
    let req = ClubInfoReq { role_id: role_id.into(), club_id };
    RoleClient::new(cx).club_info(req).await
}

/// The members of the role's own club.
pub(crate) async fn members(cx: &Cx, role_id: &str) -> Result<Vec<String>, Status> {
    let members = info(cx, role_id, 0).await?.members;
    Ok(members.into_iter().map(|member| member.role_id).collect())
}

/// The club that has the role, as the rows and the clubs say.
pub(crate) async fn find(cx: &Cx, role_id: &str) -> Result<u64, Status> {
    let req = RoleReq { role_id: role_id.into() };
    Ok(ClubRoleClient::new(cx).find(req).await?.club_id)
}
