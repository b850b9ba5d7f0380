//! Places on a real Redis server that nothing else uses.

use std::sync::atomic::{AtomicU32, Ordering};

use guildhall_core::Env;
use guildhall_redis::{RedisClient, Settings};
use servers::{REDIS, shared};

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
