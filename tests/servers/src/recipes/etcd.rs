//! etcd.

use crate::go::BUILT;
use crate::recipe::Recipe;

/// etcd, one member, without users: those are made by a client.
pub static ETCD: Recipe = DEBIAN;

/// As [`ETCD`], in the version that `tests/servers/go/etcd-today` names.
pub static ETCD_TODAY: Recipe = Recipe {
    name: "etcd-today",
    package: "golang, 1.26 or later",
    program: "etcd-today",
    folders: &[BUILT],
    ..DEBIAN
};

const DEBIAN: Recipe = Recipe {
    name: "etcd",
    package: "etcd-server",
    program: "etcd",
    folders: &[],
    user: None,
    make: "mkdir -m 700 \"$2/data\"",
    run: r#"
        client="http://127.0.0.1:$3" peer="http://127.0.0.1:$(($3 + 1))"
        exec "$1/$PROGRAM" --name one --data-dir "$2/data" --listen-client-urls "$client" --advertise-client-urls "$client" \
            --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "one=$peer"
    "#,
    stop: "TERM",
    after: "",
    ports: 2,
    url: |address| format!("etcd://{address}"),
};
