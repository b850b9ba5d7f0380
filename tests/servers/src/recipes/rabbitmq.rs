//! RabbitMQ.

use crate::recipe::{PASSWORD, Recipe};

/// RabbitMQ, one node, without plugins. Its user is made from definitions at its start.
pub static RABBITMQ: Recipe = Recipe {
    name: "rabbitmq",
    package: "rabbitmq-server",
    program: "rabbitmq-server",
    folders: &["/usr/lib/rabbitmq/bin"],
    user: None,
    make: r#"
        mkdir "$2/data"
        printf '{"users":[{"name":"game","password":"%s","tags":"administrator"}],"vhosts":[{"name":"/"}],"permissions":[{"user":"game","vhost":"/","configure":".*","write":".*","read":".*"}]}' "$PASSWORD" >"$2/users.json"
        printf 'load_definitions = %s\nlisteners.tcp.1 = 127.0.0.1:%s\n' "$2/users.json" "$3" >"$2/rabbitmq.conf"
        touch "$2/plugins"
    "#,
    run: r#"
        export HOME="$2" RABBITMQ_NODENAME="game$3@localhost" RABBITMQ_NODE_PORT="$3" RABBITMQ_DIST_PORT=$(($3 + 1))
        export ERL_EPMD_PORT=$(($3 + 2)) ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_MNESIA_BASE="$2/data" RABBITMQ_LOG_BASE="$2/data" RABBITMQ_LOGS=-
        export RABBITMQ_CONFIG_FILE="$2/rabbitmq" RABBITMQ_ENABLED_PLUGINS_FILE="$2/plugins" RABBITMQ_ALLOW_INPUT=1 RABBITMQ_CONF_ENV_FILE="$2/none"
        exec "$1/rabbitmq-server" -noinput
    "#,
    stop: "TERM",
    after: r#"epmd -port "$(($3 + 2))" -kill"#,
    ports: 3,
    url: |address| format!("amqp://game:{PASSWORD}@{address}"),
};
