//! MariaDB, which is Debian's MySQL.

use crate::recipe::{PASSWORD, Recipe};

/// MariaDB, with a database `game`. Its user may make others, as tests do.
pub static MYSQL: Recipe = Recipe {
    name: "mysql",
    package: "mariadb-server",
    program: "mariadbd",
    folders: &["/usr/sbin"],
    user: Some("mysql"),
    // A server that starts removes the temporary tables of all that share its folder for them.
    make: r#"
        export TMPDIR="$2/tmp"
        mkdir "$TMPDIR"
        mariadb-install-db --no-defaults --datadir="$2/data" --auth-root-authentication-method=normal --skip-test-db >/dev/null
        printf "%s\n" "CREATE DATABASE game;" "CREATE USER game@'%' IDENTIFIED BY '$PASSWORD';" "GRANT ALL ON *.* TO game@'%';" >"$2/init.sql"
        (echo "USE mysql;"; echo "FLUSH PRIVILEGES;"; cat "$2/init.sql") | "$1/mariadbd" --no-defaults --datadir="$2/data" --bootstrap
    "#,
    run: r#"
        exec "$1/mariadbd" --no-defaults --datadir="$2/data" --tmpdir="$2/tmp" --port="$3" --bind-address=127.0.0.1 --socket="$2/socket" \
            --pid-file="$2/pid" --skip-name-resolve --max-connections=400
    "#,
    stop: "TERM",
    after: "",
    ports: 1,
    url: |address| format!("mysql://game:{PASSWORD}@{address}/game"),
};
