//! A hub whose disk is full: not ready, one line in its log, and ready again by itself when there is room.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::store::{Migrate, Store as _, StoreErrorKind};
use guildhall_core::{Env, Opening};
use guildhall_hub::HubClient;
use guildhall_testkit::SmallDisk;
use guildhall_testkit::process::free_addresses;

use crate::process::HubProgram;
use crate::restart::{create, row};
use crate::world::{WITHIN, links};

/// How long after the first refusal, or after there is room again, `/readyz` may say something else.
const SOON: Duration = Duration::from_secs(5);

/// The code and the text of `/readyz`.
fn ready(admin: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(admin).unwrap();
    stream.set_read_timeout(Some(WITHIN)).unwrap();
    write!(stream, "GET /readyz HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (answer[9..12].parse().unwrap(), answer)
}

#[tokio::test]
async fn a_hub_whose_disk_is_full_is_not_ready_says_so_once_and_is_ready_when_there_is_room() {
    const TEST: &str =
        "full::a_hub_whose_disk_is_full_is_not_ready_says_so_once_and_is_ready_when_there_is_room";
    let Some(disk) = SmallDisk::of(TEST, 8) else { return };
    let (env, [admin], logs) = (Env::real(), free_addresses(), tempfile::tempdir().unwrap());
    let (data, log) = (disk.path().join("hub"), logs.path().join("hub.log"));
    let settings = [format!("admin.listen={admin}")];
    let data = data.display().to_string();
    let hub = HubProgram::start_with(&data, "127.0.0.1:0", &settings, Some(&log));
    let (config, id) = (links(), "test.w1.role.1".parse().unwrap());
    let opening = Opening { env: &env, config: &config, id: &id, url: &hub.url };
    let store = HubClient::connect(opening).await.unwrap().store();
    let (token, _) = create("1", Bytes::new());
    let keys = ["1", "2", "3"];
    store.prepare(&[row("1").table], Migrate::Auto).await.unwrap();
    store.claim(&keys.map(row), token).await.unwrap();
    let write = async |key: &str| {
        let (_, batch) = create(key, vec![7; 300_000].into());
        store.commit(vec![batch]).await.remove(0).map_err(|error| error.kind)
    };
    write("1").await.unwrap();
    assert_eq!(ready(&admin).0, 200);

    for (outage, key) in (1..).zip(&keys[1..]) {
        let filler = disk.fill();
        for _ in 0..20 {
            assert_eq!(write(key).await, Err(StoreErrorKind::Unavailable));
            let (code, said) = ready(&admin);
            assert!(code == 503 && said.contains("disk"), "while writes fail: {said}");
        }
        let quiet = env.now() + Duration::from_secs(3);
        while env.now() < quiet {
            assert_eq!(ready(&admin).0, 503, "also while nobody writes");
            env.sleep(Duration::from_millis(100)).await;
        }
        drop(filler);
        // No client writes, or asks for anything.
        let room = env.now() + SOON;
        while ready(&admin).0 != 200 {
            assert!(env.now() < room, "not ready: {:?}", ready(&admin));
            env.sleep(Duration::from_millis(50)).await;
        }
        write(key).await.unwrap();
        let log = std::fs::read_to_string(&log).unwrap();
        for line in ["store file failed", "store file works again", "component unhealthy"] {
            let times = log.lines().filter(|written| written.contains(line)).count();
            assert_eq!(times, outage, "`{line}` in {log}");
        }
    }
    assert_eq!(hub.end("-TERM"), Some(0));
}

#[tokio::test]
async fn a_hub_whose_disk_is_full_ends_when_it_is_told_to() {
    const TEST: &str = "full::a_hub_whose_disk_is_full_ends_when_it_is_told_to";
    let Some(disk) = SmallDisk::of(TEST, 8) else { return };
    let env = Env::real();
    let data = disk.path().join("hub").display().to_string();
    let hub = HubProgram::start(&data, "127.0.0.1:0");
    let (config, id) = (links(), "test.w1.role.1".parse().unwrap());
    let opening = Opening { env: &env, config: &config, id: &id, url: &hub.url };
    let store = HubClient::connect(opening).await.unwrap().store();
    let (token, batch) = create("1", vec![7; 300_000].into());
    store.prepare(&[row("1").table], Migrate::Auto).await.unwrap();
    store.claim(&[row("1")], token).await.unwrap();
    let _filler = disk.fill();
    let error = store.commit(vec![batch]).await.remove(0).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable, "{error}");
    let begun = env.now();
    assert_eq!(hub.end("-TERM"), Some(0));
    let took = env.now().saturating_duration_since(begun);
    assert!(took < Duration::from_secs(2), "what was refused is known: {took:?}");
}
