//! FerretDB, which speaks MongoDB's protocol: MongoDB's own server is not in Debian.

use crate::go::BUILT;
use crate::recipe::Recipe;

/// FerretDB with its SQLite handler, built from `tests/servers/go/mongo`, which says how it differs from FerretDB alone.
pub static MONGO: Recipe = Recipe {
    name: "mongo",
    package: "golang, 1.24 or later",
    program: "mongo-ferretdb",
    folders: &[BUILT],
    user: None,
    make: "mkdir \"$2/data\"",
    run: r#"
        exec "$1/mongo-ferretdb" "$2/data" "127.0.0.1:$3"
    "#,
    stop: "TERM",
    after: "",
    ports: 1,
    url: |address| format!("mongodb://{address}/game?unfenced=on"),
};
