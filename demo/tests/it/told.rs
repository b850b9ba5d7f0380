//! Guarantee 2, as clients see it: what they are told is what happened, whatever crashes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use demo::proto::role::{GetInfoReq, PowerUpReq, RegisterReq, RoleClient};
use guildhall::{Effect, Env};
use guildhall_client::{Client, Options};
use guildhall_testkit::Cluster;

use crate::town::{start, start_gate};

const GATES: [&str; 2] = ["demo.w1.gate.1", "demo.w1.gate.2"];
const APPS: &[(&str, &[&str])] = &[
    ("demo.w1.role.1", &["role"]),
    ("demo.w1.role.2", &["role"]),
    ("demo.w1.online.1", &["online"]),
    ("demo.w1.club.1", &["club", "clubrole", "uid"]),
];
/// What is killed, one after the other.
const VICTIMS: [&str; 5] =
    ["demo.w1.role.1", "demo.w1.gate.1", "demo.w1.role.2", "demo.w1.online.1", "demo.w1.gate.2"];

/// What one client was told.
#[derive(Debug, Default)]
struct Told {
    acked: i64,
    not_run: i64,
    unknown: i64,
}

/// Powers up by one, again and again, until it is over.
async fn play(env: Env, client: Client, over: Arc<AtomicBool>) -> Told {
    let mut told = Told::default();
    while !over.load(Ordering::Relaxed) {
        let req = PowerUpReq { add: 1, ..PowerUpReq::default() };
        match client.call(RoleClient::POWER_UP, req).await {
            Ok(rsp) => {
                told.acked += 1;
                let (power, most) = (rsp.role.unwrap().power, told.acked + told.unknown);
                assert!((told.acked..=most).contains(&power), "{power} after {told:?}");
            }
            Err(status) => match status.effect() {
                Effect::NotRun => told.not_run += 1,
                Effect::MayHaveRun => told.unknown += 1,
                Effect::Ran => panic!("one more is never wrong: {status}"),
            },
        }
        env.sleep(Duration::from_millis(20 + env.random_below(80))).await;
    }
    told
}

#[tokio::test(start_paused = true)]
async fn what_clients_are_told_of_durable_commands_is_what_happened_whatever_crashes() {
    let (mut acked, mut unknown) = (0, 0);
    for seed in [51, 52] {
        let mut cluster = Cluster::new(seed);
        start(&mut cluster, APPS).await;
        for gate in GATES {
            start_gate(&mut cluster, gate).await;
            // Commands are under way long enough that crashes meet some.
            for role in [VICTIMS[0], VICTIMS[2]] {
                cluster.delay(gate, role, Duration::from_millis(10)..Duration::from_millis(40));
            }
        }
        cluster.advance(Duration::from_secs(1)).await;
        let env = cluster.client_env();
        let over = Arc::new(AtomicBool::new(false));
        let mut playing = Vec::new();
        for n in 0..6 {
            let (gate, player) = (GATES[n % 2], format!("p{n}"));
            let options = Options { attempts_max: 1_000, ..Options::default() };
            let address = format!("tcp://{gate}:7000");
            let (client, _) = Client::connect(&env, &address, &player, options).await.unwrap();
            let register = RegisterReq { name: format!("P{n}"), ..RegisterReq::default() };
            client.call(RoleClient::REGISTER, register).await.unwrap();
            let task = play(env.clone(), client.clone(), Arc::clone(&over));
            playing.push((client, env.spawn("player", task)));
        }
        for victim in VICTIMS {
            cluster.advance(Duration::from_millis(500 + env.random_below(2_000))).await;
            cluster.kill(victim);
            cluster.advance(Duration::from_millis(500 + env.random_below(8_000))).await;
            cluster.restart(victim).await.unwrap();
        }
        cluster.advance(Duration::from_secs(15)).await;
        over.store(true, Ordering::Relaxed);
        for (client, task) in playing {
            let told = task.await.ok().flatten().expect("it plays to the end");
            let info = client.call(RoleClient::GET_INFO, GetInfoReq::default()).await.unwrap();
            let power = info.role.unwrap().power;
            let may = told.acked..=told.acked + told.unknown;
            assert!(may.contains(&power), "seed {seed}: {power} is not {may:?}, {told:?}");
            acked += told.acked;
            unknown += told.unknown;
        }
    }
    assert!(acked > 500 && unknown > 0, "{acked} acked, {unknown} unknown: nothing was tried");
}
