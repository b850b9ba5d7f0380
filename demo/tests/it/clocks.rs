//! Clocks: whatever they show, a later login is a later login.

use std::time::Duration;

use demo::proto::role::{LoginReq, PowerUpReq, RegisterReq, RoleClient};
use guildhall::Env;
use guildhall_client::{Client, Events, Options};
use guildhall_testkit::Cluster;

use crate::town::{start, start_app, start_gate};

const GATES: [&str; 2] = ["demo.w1.gate.1", "demo.w1.gate.2"];
const ONLINE: [&str; 2] = ["demo.w1.online.1", "demo.w1.online.2"];
const APPS: &[(&str, &[&str])] = &[
    ("demo.w1.role.1", &["role"]),
    (ONLINE[0], &["online"]),
    ("demo.w1.club.1", &["club", "clubrole", "uid"]),
];
const HOUR_NS: i64 = 3600 * 1_000_000_000;

async fn town(seed: u64) -> Cluster {
    let mut cluster = Cluster::new(seed);
    start(&mut cluster, APPS).await;
    for gate in GATES {
        start_gate(&mut cluster, gate).await;
    }
    cluster.advance(Duration::from_secs(1)).await;
    cluster
}

async fn enter(env: &Env, gate: &str) -> (Client, Events) {
    let options = Options { attempts_max: 0, ..Options::default() };
    Client::connect(env, &format!("tcp://{gate}:7000"), "ada", options).await.unwrap()
}

/// Logs in, plays, and logs out; the power after it. A durable command leaves the session in the role's row.
async fn play(env: &Env, gate: &str) -> i64 {
    let (client, _events) = enter(env, gate).await;
    client.call(RoleClient::LOGIN, LoginReq::default()).await.unwrap();
    let req = PowerUpReq { add: 1, ..PowerUpReq::default() };
    let power = client.call(RoleClient::POWER_UP, req).await.unwrap().role.unwrap().power;
    client.close().await;
    power
}

async fn register(env: &Env) {
    let (client, _events) = enter(env, GATES[0]).await;
    let register = RegisterReq { name: "Ada".into(), ..RegisterReq::default() };
    client.call(RoleClient::REGISTER, register).await.unwrap();
    client.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_or_ahead_between_two_logins_changes_nothing() {
    let mut cluster = town(41).await;
    let env = cluster.client_env();
    register(&env).await;
    let steps = [0, -1, 5, -24, 0];
    for (n, hours) in (1..).zip(steps) {
        cluster.set_wall_step(hours * HOUR_NS);
        assert_eq!(play(&env, GATES[0]).await, n, "the clock is off by {hours} h");
    }
}

#[tokio::test(start_paused = true)]
async fn an_app_that_starts_again_with_its_clock_set_back_counts_later_logins() {
    let mut cluster = town(42).await;
    let env = cluster.client_env();
    register(&env).await;
    for (n, id) in (1..).zip([ONLINE[0], "demo.w1.role.1", GATES[0], ONLINE[0]]) {
        assert_eq!(play(&env, GATES[0]).await, 2 * n - 1);
        cluster.set_wall_step(-n * HOUR_NS);
        cluster.restart(id).await.unwrap();
        // The record of its earlier life, which had the later clock, runs out.
        cluster.advance(Duration::from_secs(15)).await;
        cluster.linked().await;
        cluster.advance(Duration::from_secs(5)).await;
        assert_eq!(play(&env, GATES[0]).await, 2 * n, "after the restart of {id}");
    }
}

#[tokio::test(start_paused = true)]
async fn sessions_of_apps_whose_clocks_are_hours_apart_are_ordered_all_the_same() {
    for (seed, hours) in [(43, [2, -2]), (44, [-2, 2])] {
        let mut cluster = town(seed).await;
        start_app(&mut cluster, ONLINE[1], &["online"], &[]).await;
        cluster.linked().await;
        let env = cluster.client_env();
        register(&env).await;
        for (id, hours) in ONLINE.iter().zip(hours) {
            cluster.env(id).set_skew(hours * HOUR_NS);
        }
        cluster.env(GATES[1]).set_skew(3 * HOUR_NS);
        // Who believes that its time is over asks for its slots again.
        cluster.advance(Duration::from_secs(20)).await;
        let mut power = 0;
        for id in ONLINE {
            for gate in GATES {
                power += 1;
                assert_eq!(play(&env, gate).await, power, "{gate}, {hours:?}");
            }
            // The slot of all players goes to the other one, whose clock is behind or ahead, and back.
            cluster.shutdown(id).await;
            power += 1;
            assert_eq!(play(&env, GATES[0]).await, power, "without {id}, {hours:?}");
            cluster.restart(id).await.unwrap();
            cluster.linked().await;
            cluster.advance(Duration::from_secs(2)).await;
        }
    }
}
