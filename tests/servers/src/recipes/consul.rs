//! Consul.

use crate::recipe::Recipe;

/// One agent that is the only server too. Debian has it up to bullseye; `services install` unpacks that package into `/opt/consul`.
pub static CONSUL: Recipe = Recipe {
    name: "consul",
    package: "consul",
    program: "consul",
    folders: &["/opt/consul/usr/bin"],
    user: None,
    make: r#"
        mkdir -m 700 "$2/data"
        cat >"$2/agent.json" <<END
        {"server": true, "bootstrap_expect": 1, "node_name": "one", "bind_addr": "127.0.0.1", "client_addr": "127.0.0.1",
         "ports": {"http": $3, "server": $(($3 + 1)), "serf_lan": $(($3 + 2)), "serf_wan": -1, "dns": -1, "grpc": -1},
         "performance": {"raft_multiplier": 1}, "disable_update_check": true}
END
    "#,
    run: r#"exec "$1/consul" agent -config-file "$2/agent.json" -data-dir "$2/data""#,
    stop: "TERM",
    after: "",
    ports: 3,
    url: |address| format!("consul://{address}"),
};
