//! NATS.

use crate::go::BUILT;
use crate::recipe::{PASSWORD, Recipe};

/// NATS with JetStream.
pub static NATS: Recipe = DEBIAN;

/// As [`NATS`], in the version that `tests/servers/go/nats-today` names.
pub static NATS_TODAY: Recipe = Recipe {
    name: "nats-today",
    package: "golang, 1.26 or later",
    program: "nats-server-today",
    folders: &[BUILT],
    ..DEBIAN
};

const DEBIAN: Recipe = Recipe {
    name: "nats",
    package: "nats-server",
    program: "nats-server",
    folders: &["/usr/sbin"],
    user: None,
    make: "mkdir \"$2/data\"",
    run: r#"
        exec "$1/$PROGRAM" --addr 127.0.0.1 --port "$3" --user game --pass "$PASSWORD" --jetstream --store_dir "$2/data"
    "#,
    stop: "TERM",
    after: "",
    ports: 1,
    url: |address| format!("nats://game:{PASSWORD}@{address}"),
};
