//! What keeps a hub, or its client, from starting is told with the setting and what to do.

use std::time::Duration;

use guildhall_core::{Config, Env, Opening, Plugin as _};
use guildhall_hub::{Hub, Settings};

use crate::world::{World, links, start};

async fn error(address: &str, data: &str, flags: &[&str]) -> String {
    start(&Env::real(), address, data, flags).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_names_the_setting_of_the_hub() {
    let (world, other) = (World::new(), tempfile::tempdir().unwrap());
    world.restart().await;
    let address = world.url().await.replace("hub://", "");
    let error = error(&address, &other.path().display().to_string(), &[]).await;
    assert!(error.contains("link.listen") && error.contains(&address), "{error}");
}

#[tokio::test]
async fn data_that_cannot_be_used_is_an_error_that_names_the_setting() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "text").unwrap();
    let no_directory = error("127.0.0.1:0", &format!("{}/x", file.display()), &[]).await;
    assert!(
        no_directory.contains("hub.data = ") && no_directory.contains("file"),
        "{no_directory}"
    );

    std::fs::write(dir.path().join("guildhall.redb"), vec![7; 10_000]).unwrap();
    let garbage = error("127.0.0.1:0", &dir.path().display().to_string(), &[]).await;
    assert!(garbage.contains("hub.data = ") && garbage.contains("guildhall.redb"), "{garbage}");

    let nothing = error("127.0.0.1:0", "", &[]).await;
    assert!(nothing.contains("hub.data = "), "{nothing}");
}

#[tokio::test]
async fn two_hubs_do_not_share_a_directory() {
    let world = World::new();
    world.restart().await;
    let error = error("127.0.0.1:0", &world.dir.path().display().to_string(), &[]).await;
    assert!(error.contains("another process has this file open"), "{error}");
}

#[tokio::test]
async fn an_unknown_setting_of_the_hub_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let error =
        error("127.0.0.1:0", &dir.path().display().to_string(), &["hub.strems_max=1"]).await;
    assert!(error.contains("hub.strems_max") && error.contains("streams_max"), "{error}");
}

async fn opened(url: &str, id: &str, config: Config) -> Result<(), String> {
    let (env, id) = (Env::real(), id.parse().unwrap());
    let opening = Opening { env: &env, config: &config, id: &id, url };
    Hub.open(opening).await.map(drop).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_hub_that_does_not_answer_is_an_error_that_says_what_to_check() {
    let world = World::new();
    world.restart().await;
    let url = format!("{}?connect_ms=300", world.url().await);
    assert_eq!(opened(&url, "test.w1.role.1", links()).await, Ok(()));
    // Another env, and no secret.
    let strangers = [
        opened(&url, "prod.w1.role.1", links()).await,
        opened(&url, "test.w1.role.1", Config::builder().build().unwrap()).await,
    ];
    world.stop().await;
    let nobody = opened(&url, "test.w1.role.1", links()).await;
    for error in strangers.into_iter().chain([nobody]) {
        let error = error.unwrap_err();
        assert!(error.contains("within 300 ms (connect_ms)"), "{error}");
        assert!(error.contains("link.secret") && error.contains("env `"), "{error}");
    }
}

#[tokio::test]
async fn urls_of_hubs_are_checked() {
    for (url, part) in [
        ("hub:127.0.0.1:7100", "write hub://host:port"),
        ("hub://", "`` is no address"),
        ("hub://host", "`host` is no address"),
        ("hub://a:1,b:1", "is no address"),
        ("hub://a:1?wait=1", "unknown option `wait`"),
        ("hub://a:1?connect_ms=0", "option `connect_ms` is `0`"),
    ] {
        let error = opened(url, "test.w1.role.1", links()).await.unwrap_err();
        assert!(error.contains(part), "{url}: {error}");
    }
    let settings = Settings::parse("hub://a:1?connect_ms=7").unwrap();
    assert_eq!((settings.address, settings.connect), ("a:1".into(), Duration::from_millis(7)));
}

#[tokio::test]
async fn rows_that_do_not_fit_into_a_frame_of_the_hub_are_a_start_error() {
    let world = World::new();
    world.restart().await;
    let url = world.url().await;
    let config = |row_max: usize, store: &str| {
        let config = Config::builder().set("link.secret", "secret").set("link.redial_ms", 20);
        let row_max = i64::try_from(row_max).unwrap();
        config.set("store.row_max", row_max).set("app.store", store).build().unwrap()
    };
    let error = opened(&url, "test.w1.role.1", config(4 << 20, &url)).await.unwrap_err();
    assert!(error.contains("store.row_max = 4194304"), "{error}");
    assert!(error.contains("link.frame_max = 4194304"), "{error}");
    assert_eq!(opened(&url, "test.w1.role.1", config(3 << 20, &url)).await, Ok(()));
    assert_eq!(opened(&url, "test.w1.role.1", config(4 << 20, "memory:")).await, Ok(()));
}
