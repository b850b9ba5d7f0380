//! The program as people run it.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use guildhall_core::leases::{Acquired, LeaseErrorKind, Leases as _, Opened, Wanted};
use guildhall_core::store::{Holder, Migrate, Store as _};
use guildhall_core::{Env, Opening};
use guildhall_hub::HubClient;
use guildhall_testkit::process::Program;

use crate::restart::{TTL, create, row};
use crate::world::{links, until_it_works};

/// A hub that runs; dropping it kills it.
pub(crate) struct HubProgram {
    program: Program,
    pub(crate) url: String,
}

impl HubProgram {
    pub(crate) fn start(data: &str, listen: &str) -> Self {
        Self::start_with(data, listen, &[], None)
    }

    /// Starts it with more settings, and reads what it prints until it is ready. What it logs goes to a file, if one is given.
    pub(crate) fn start_with(
        data: &str,
        listen: &str,
        more: &[String],
        log: Option<&Path>,
    ) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_guildhall-hub"));
        let settings = ["app.id=test.w1.hub.1", "link.secret=secret"].map(str::to_owned);
        let own = [format!("hub.data={data}"), format!("link.listen={listen}")];
        for setting in settings.into_iter().chain(own).chain(more.iter().cloned()) {
            command.args(["--set", &setting]);
        }
        let mut program = match log {
            Some(log) => Program::start_with_log(command.env("RUST_LOG", "info"), log),
            None => Program::start(&mut command),
        };
        program.wait_for("ready");
        let printed = program.printed();
        let small = printed.contains("development and small deployments");
        assert!(small, "it says what it is for: {printed}");
        let url = printed.lines().find_map(|line| line.split("hub://").nth(1));
        Self { url: format!("hub://{}", url.expect("it says where it listens")), program }
    }

    pub(crate) fn end(self, signal: &str) -> Option<i32> {
        self.program.signal(signal);
        self.program.finish().0.code()
    }
}

#[tokio::test]
async fn a_hub_that_is_killed_forgets_no_epoch_and_no_row_and_its_clients_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().display().to_string();
    let hub = HubProgram::start(&data, "127.0.0.1:0");
    let (env, url) = (Env::real(), hub.url.clone());
    let (config, id) = (links(), "test.w1.role.1".parse().unwrap());
    let opening = Opening { env: &env, config: &config, id: &id, url: &url };
    let client = HubClient::connect(opening).await.unwrap();
    let (leases, store) = (client.leases(), client.store());
    let (token, batch) = create("1", Bytes::new());
    let wanted = [Wanted { id: "role/1".into(), at_least: 0 }];
    let grant = async |holder: &Holder| leases.acquire(holder, &wanted).await;
    let opened = leases.open(&token.holder, None, TTL).await.unwrap();
    let Opened::New(session) = opened else { panic!("{opened:?}") };
    let first = grant(&token.holder).await.unwrap();
    store.prepare(&[row("1").table], Migrate::Auto).await.unwrap();
    store.claim(&[row("1")], token.clone()).await.unwrap();
    assert!(store.commit(vec![batch]).await[0].is_ok());

    hub.end("-KILL");
    let error = leases.keep_alive(&token.holder, session).await.unwrap_err();
    assert_eq!(error.kind, LeaseErrorKind::Unavailable, "{error}");
    let hub = HubProgram::start(&data, url.trim_start_matches("hub://"));
    let again = async || grant(&token.holder).await;
    let (second, gap) = until_it_works(&env, "acquire", again).await;
    println!("granted again {gap:?} after the hub said that it is ready");
    let [Acquired::Held { epoch: first, .. }] = first[..] else { panic!("{first:?}") };
    let [Acquired::Held { epoch: second, .. }] = second[..] else { panic!("{second:?}") };
    assert!(second > first, "{second} after {first}");
    let kept = store.read(&[row("1")]).await.unwrap().remove(0).unwrap();
    assert_eq!((kept.version, kept.token), (2, Some(token)));
    assert_eq!(hub.end("-TERM"), Some(0));
}
