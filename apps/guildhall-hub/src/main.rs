//! The program: a hub, until SIGTERM or SIGINT.

#![allow(clippy::print_stderr, reason = "a command line speaks")]

use std::io::Write as _;
use std::process::ExitCode;

use guildhall_core::config::Config;
use guildhall_hub_server::{HubConfig, app, presets};
use guildhall_runtime::{Cx, StartError};
use tracing_subscriber::EnvFilter;

const HELP: &str = "\
guildhall-hub: discovery, broker, queue, leases and store for a cluster of processes.

For development and small deployments: one process, one file, no replica. Apps use it with hub://HOST:PORT in app.discovery,
app.broker, app.queue, app.leases and app.store; their env (the first label of app.id) and their link.secret are the hub's.

Settings: --config FILE (guildhall.toml if there is one), GUILDHALL__SECTION__KEY in the environment, --set section.key=value,
each over the one before. app.id = \"dev.w1.hub.1\", link.listen = \"127.0.0.1:7100\", hub.data = \"./hub\" where nothing is said.
RUST_LOG says what is logged.
";

/// Arenas of glibc's allocator. Every thread that reads or writes the file allocates pages that stay in the cache. With an arena per thread,
/// glibc's default, each arena keeps free memory between its pages: 15 MB of 27 after ten minutes of 300 players, 2 of 9 with two.
const ARENAS: i32 = 2;

fn main() -> ExitCode {
    bound_arenas();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Does what `MALLOC_ARENA_MAX` does, which comes first.
fn bound_arenas() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if std::env::var_os("MALLOC_ARENA_MAX").is_none() {
        /// From `malloc.h`.
        const M_ARENA_MAX: i32 = -8;
        #[expect(unsafe_code, reason = "glibc offers this as a function of C alone")]
        // SAFETY: it is declared as in `malloc.h`, takes two numbers, and no other thread runs yet.
        unsafe {
            unsafe extern "C" {
                fn mallopt(param: i32, value: i32) -> i32;
            }
            // Where it is refused all is as it was.
            let _taken = mallopt(M_ARENA_MAX, ARENAS);
        }
    }
}

fn run() -> Result<(), StartError> {
    let (config, rest) = presets(Config::builder()).process_args()?;
    match rest.first().map(String::as_str) {
        None => {}
        Some("--help" | "-h") => {
            say(HELP);
            return Ok(());
        }
        Some(other) => {
            return Err(StartError::argument(format!("unknown argument `{other}`; see --help")));
        }
    }
    let hub: HubConfig = config.section("hub")?;
    app(config).on_ready(move |cx| announce(&cx, &hub)).run()
}

fn announce(cx: &Cx, hub: &HubConfig) {
    let own = cx.nodes().into_iter().find(|node| node.id == *cx.app_id());
    let address = own.and_then(|node| node.endpoints.get("link").cloned());
    say(&format!("hub       hub://{}", address.as_deref().unwrap_or("? (link.listen is empty)")));
    say(&format!("data      {}", hub.data));
    say("a hub is for development and small deployments: one process, one file, no replica");
    say("ready");
}

/// Prints a line. Nobody has to read it.
fn say(line: &str) {
    let _nobody_reads = writeln!(std::io::stdout(), "{line}");
}
