//! Places on a real Redis server that nothing else uses.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use guildhall_core::Env;
use guildhall_redis::{RedisClient, Settings};
use servers::{PASSWORD, REDIS, Server, shared};

/// Whether the test with this name can run.
pub(crate) fn is_there(test: &str) -> bool {
    servers::is_there(&REDIS, test)
}

/// A deadline that no busy machine misses, and a place that no other test has.
pub(crate) fn fresh() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("prefix=g{}&deadline_ms=60000", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// What a server has there.
pub(crate) async fn open(url: &str, options: &str) -> RedisClient {
    let url = format!("{url}?{options}");
    RedisClient::connect(&Env::real(), Settings::parse(&url).unwrap()).await.unwrap()
}

/// The same on the server that tests share.
pub(crate) async fn opened(options: &str) -> RedisClient {
    open(&shared(&REDIS).url(), options).await
}

/// A server for tests that write often, and of which none is about disks.
pub(crate) fn fast() -> &'static Server {
    static FAST: OnceLock<Server> = OnceLock::new();
    FAST.get_or_init(|| {
        let mut server = Server::new(&REDIS).with("--appendonly no");
        server.start();
        server
    })
}

/// The prefix that these options name.
pub(crate) fn prefix(options: &str) -> &str {
    options.split('&').find_map(|option| option.strip_prefix("prefix=")).unwrap()
}

/// What an operator does on the server that tests share.
pub(crate) fn redis_cli(command: &[&str]) -> String {
    cli(&shared(&REDIS).address(), command)
}

/// The same on another server.
pub(crate) fn cli(address: &str, command: &[&str]) -> String {
    let (host, port) = address.split_once(':').unwrap();
    let mut cli = std::process::Command::new("redis-cli");
    cli.args(["-h", host, "-p", port, "-a", PASSWORD, "--no-auth-warning"]).args(command);
    let said = cli.output().unwrap();
    assert!(said.status.success(), "{command:?}: {said:?}");
    String::from_utf8(said.stdout).unwrap().trim_end().to_owned()
}
