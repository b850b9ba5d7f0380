//! Prometheus.

use crate::recipe::Recipe;

/// Prometheus, which scrapes what `prometheus.yml` in its folder says: nothing at first.
pub static PROMETHEUS: Recipe = Recipe {
    name: "prometheus",
    package: "prometheus",
    program: "prometheus",
    folders: &[],
    user: None,
    make: "mkdir \"$2/data\"; : >\"$2/prometheus.yml\"",
    run: r#"
        exec "$1/prometheus" --config.file="$2/prometheus.yml" --storage.tsdb.path="$2/data" --web.listen-address="127.0.0.1:$3"
    "#,
    stop: "TERM",
    after: "",
    ports: 1,
    url: |address| format!("http://{address}"),
};
