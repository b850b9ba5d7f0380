//! PostgreSQL.

use crate::recipe::{PASSWORD, Recipe};

/// PostgreSQL, with passwords by SCRAM.
pub static POSTGRES: Recipe = Recipe {
    name: "postgres",
    package: "postgresql",
    program: "initdb",
    folders: &["/usr/lib/postgresql/*/bin"],
    user: Some("postgres"),
    make: r#"
        printf %s "$PASSWORD" >"$2/password"
        "$1/initdb" -U game -A scram-sha-256 --pwfile="$2/password" -E UTF8 --locale=C.UTF-8 -D "$2/data" >/dev/null
    "#,
    run: r#"
        exec "$1/postgres" -D "$2/data" -p "$3" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=400
    "#,
    stop: "INT",
    after: "",
    ports: 1,
    url: |address| format!("postgres://game:{PASSWORD}@{address}/postgres"),
};
