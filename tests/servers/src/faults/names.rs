//! A name whose address changes, as where a managed server fails over.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use guildhall_testkit::skipped;

use super::ask::ask;
use super::ground::{Vendor, until_it_works};
use crate::{Proxy, shared};

/// Names the file that this process, which has a name table of its own, sees as `/etc/hosts`.
const HOSTS: &str = "GUILDHALL_TEST_HOSTS";

/// Runs a program with another file in the place of `/etc/hosts`, which no other process sees.
const WITH_HOSTS: &str = r#"mount --bind "$1" /etc/hosts && shift && exec "$@""#;

const NAME: &str = "moves.test";
const BEFORE: &str = "127.0.0.2";
const AFTER: &str = "127.0.0.3";

/// The server moves to another address, and its name with it; the address before stays silent. No restart of the app is needed.
pub async fn a_name_is_looked_up_at_every_connection(vendor: Vendor, test: &str) {
    match std::env::var(HOSTS) {
        Ok(hosts) => moves(vendor, &hosts).await,
        Err(_) => in_a_process_of_its_own(test),
    }
}

async fn moves(vendor: Vendor, hosts: &str) {
    // Servers look up the name of the machine that they run on.
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let machine = machine.trim();
    let leads_to = |address| {
        std::fs::write(hosts, format!("127.0.0.1 localhost {machine}\n{address} {NAME}\n"))
            .unwrap();
    };
    leads_to(BEFORE);
    let server = shared(vendor.recipe).address();
    let before = Proxy::at(BEFORE, 0, server.clone());
    let port = before.port();
    let backend = vendor.place().open(&format!("{NAME}:{port}")).await;
    until_it_works(async || ask(&backend).await).await;

    let _after = Proxy::at(AFTER, port, server);
    leads_to(AFTER);
    before.set_silent(true);
    before.cut();
    until_it_works(async || ask(&backend).await).await;
}

/// Runs this test once more, where it may say what a name leads to.
fn in_a_process_of_its_own(test: &str) {
    let hosts = tempfile::NamedTempFile::new().unwrap();
    // Servers have users of their own, and read it too.
    let all_read = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(hosts.path(), all_read).unwrap();
    let with_hosts = |program: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", WITH_HOSTS, "sh"]).arg(hosts.path()).args(program);
        command
    };
    if !with_hosts(&["true"]).output().is_ok_and(|tried| tried.status.success()) {
        return skipped(test, "a test needs the right to mount, to say what a name leads to");
    }
    let this = std::env::current_exe().unwrap();
    let (_crate, name) = test.split_once("::").unwrap_or(("", test));
    let mut run = with_hosts(&[this.to_str().unwrap(), "--exact", name, "--nocapture"]);
    let ran = run.env(HOSTS, hosts.path()).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    let is_well = ran.status.success() && said.contains("1 passed");
    assert!(is_well, "{said}\n{}", String::from_utf8_lossy(&ran.stderr));
}
