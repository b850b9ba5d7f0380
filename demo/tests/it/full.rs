//! The program on a full disk: it ends when it is told to, and keeps all that it has answered.

use std::time::{Duration, Instant};

use demo::proto::role::{LoginReq, RoleClient};
use guildhall::status::reason;
use guildhall_testkit::SmallDisk;

use crate::game::{connect, player, power, power_up, register};
use crate::program::Place;

#[tokio::test]
async fn sigterm_on_a_full_disk_ends_the_program_soon_and_what_was_answered_is_there() {
    const TEST: &str =
        "full::sigterm_on_a_full_disk_ends_the_program_soon_and_what_was_answered_is_there";
    let Some(disk) = SmallDisk::of(TEST, 8) else { return };
    let place = Place::within(disk.path());
    let server = place.serve(&["actor.role.save_ms=600000"]);
    let (client, _events) = player(&place, &place.tcp(), "ada").await;
    register(&client, "Ada").await.unwrap();
    assert_eq!(power_up(&client, 5).await.unwrap(), 5);
    // Not durable: nothing has been written of it when the disk is full.
    client.call(RoleClient::LOGIN, LoginReq::default()).await.unwrap();
    let filler = disk.fill();
    // Small writes have room in the file until its free pages are used up.
    let mut sum = 5;
    let refused = loop {
        match power_up(&client, 1).await {
            Ok(power) => sum = power,
            Err(status) => break status,
        }
    };
    assert_eq!(refused.reason(), reason::STORE, "{refused}");
    let told = Instant::now();
    server.signal("-TERM");
    let (status, printed) = server.finish();
    let took = told.elapsed();
    assert_eq!(status.code(), Some(0), "{printed}");
    // Its store has refused writes already, so the fate of its data is known from the beginning.
    assert!(took < Duration::from_secs(2), "{took:?}: {printed}");
    let lost = "store rejects writes at shutdown: unsaved changes are lost";
    assert!(printed.contains(lost), "{printed}");

    drop(filler);
    let _server = place.serve(&[]);
    let (_, login) = place.login("/login", "ada", "correct horse");
    let (client, _events) = connect(&place.tcp(), login["token"].as_str().unwrap()).await;
    assert_eq!(power(&client).await, sum, "refused was {refused}");
}
