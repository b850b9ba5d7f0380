//! Redis.

use crate::recipe::{PASSWORD, Recipe};

/// Redis, each write on disk before it is answered.
pub static REDIS: Recipe = Recipe {
    name: "redis",
    package: "redis-server",
    program: "redis-server",
    folders: &[],
    user: None,
    make: "mkdir \"$2/data\"",
    run: r#"
        exec "$1/redis-server" --bind 127.0.0.1 --port "$3" --dir "$2/data" --requirepass "$PASSWORD" \
            --appendonly yes --appendfsync always --save "" --maxmemory-policy noeviction
    "#,
    stop: "TERM",
    after: "",
    ports: 1,
    url: |address| format!("redis://:{PASSWORD}@{address}"),
};
