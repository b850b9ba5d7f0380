//! How many guesses pass.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use guildhall::Env;

use super::{Attempt, Tries, Wait};
use crate::login::LoginConfig;
use crate::login::slots::Party;

fn network(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))
}

fn tries(config: &LoginConfig) -> (Env, Tries) {
    let env = Env::real();
    (env.clone(), Tries::new(&env, config))
}

fn config() -> LoginConfig {
    LoginConfig { tries_per_account: 3, tries_per_address: 6, ..LoginConfig::default() }
}

/// Whether a guess passes, which is wrong.
fn guess(tries: &Tries, account: &str, network: IpAddr) -> bool {
    tries.begin(account, network).is_ok()
}

#[tokio::test(start_paused = true)]
async fn an_account_has_so_many_wrong_passwords_a_minute() {
    let (env, tries) = tries(&config());
    let passed = (1..=60).filter(|from| guess(&tries, "ada", network(*from))).count();
    assert_eq!(passed, 3, "from many networks together");
    let Err(Wait(wait)) = tries.begin("ada", network(1)) else { panic!("it has to wait") };
    assert_eq!(wait, Duration::from_secs(20));
    env.sleep(wait).await;
    assert!(guess(&tries, "ada", network(1)));
    assert!(!guess(&tries, "ada", network(1)));
}

#[tokio::test(start_paused = true)]
async fn a_network_has_so_many_wrong_passwords_a_minute_over_all_accounts() {
    let (env, tries) = tries(&config());
    let name = |n: u32| format!("name{n}");
    assert_eq!((0..100).filter(|n| guess(&tries, &name(*n), network(1))).count(), 6);
    assert!(guess(&tries, "name0", network(2)), "another network has its own");
    env.sleep(Duration::from_secs(10)).await;
    assert_eq!((100..200).filter(|n| guess(&tries, &name(*n), network(1))).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn tries_at_the_same_time_are_made_up_for_later() {
    let (env, tries) = tries(&config());
    let name = |n: u32| format!("name{n}");
    let at_once: Vec<_> = (0..20).map(|n| tries.begin(&name(n), network(1)).unwrap()).collect();
    drop(at_once);
    // 20 were wrong where 6 a minute may be: 14 too many, at 10 s each, and one more.
    env.sleep(Duration::from_secs(149)).await;
    assert!(!guess(&tries, "next", network(1)));
    env.sleep(Duration::from_secs(1)).await;
    assert!(guess(&tries, "next", network(1)));
}

#[tokio::test(start_paused = true)]
async fn a_try_that_waited_while_others_were_wrong_is_not_made() {
    let (_env, tries) = tries(&config());
    let name = |n: u32| format!("name{n}");
    let mut at_once: Vec<_> =
        (0..300).map(|n| tries.begin(&name(n), network(1)).unwrap()).collect();
    assert!(at_once.iter().all(|attempt| attempt.confirm().is_ok()));
    at_once.truncate(294);
    assert!(at_once.iter().all(|attempt| attempt.confirm().is_err()), "6 were wrong");
    at_once.into_iter().for_each(Attempt::give_back);
    assert!(tries.begin(&name(0), network(2)).is_ok(), "nothing was learned of these accounts");
}

#[tokio::test(start_paused = true)]
async fn right_passwords_are_not_counted() {
    let (_env, tries) = tries(&config());
    for _ in 0..100 {
        tries.begin("ada", network(1)).unwrap().right();
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_that_was_here_before_is_not_kept_out_by_others() {
    let (_env, tries) = tries(&config());
    tries.begin("ada", network(1)).unwrap().right();
    // Somebody guesses its password from elsewhere, and its neighbours guess others.
    while guess(&tries, "ada", network(2)) {}
    (0..100).for_each(|n| drop(tries.begin(&format!("name{n}"), network(1))));
    let attempt = tries.begin("ada", network(1)).unwrap();
    assert_eq!(attempt.party(), Party::Known("ada".into()));
    attempt.right();
    // It has a limit, too.
    assert_eq!((0..60).filter(|_| guess(&tries, "ada", network(1))).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn new_accounts_are_counted_per_network() {
    let (_env, tries) = tries(&LoginConfig { registers_per_address: 5, ..config() });
    assert_eq!((0..60).filter(|_| tries.register(network(1)).is_ok()).count(), 5);
    assert!(tries.register(network(2)).is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_does_not_grow_with_names() {
    let (env, tries) = tries(&LoginConfig { tries_kept: 64, tries_per_address: 0, ..config() });
    for n in 0..10_000_u32 {
        let name = format!("name{n}");
        drop(tries.begin(&name, network(1)));
        tries.knows(&name, network(1));
        env.sleep(Duration::from_millis(1)).await;
    }
    assert!(tries.len() <= 128, "{}", tries.len());
    // The latest are still known.
    let attempt = tries.begin("name9999", network(1)).unwrap();
    assert_eq!(attempt.party(), Party::Known("name9999".into()));
}
