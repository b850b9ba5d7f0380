//! The project's commands: `cargo xtask {test, services, smoke, clusters, fuzz, ci, tidy, layers, codegen}`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks")]
#![allow(clippy::disallowed_methods, reason = "runs and times programs; nothing here is simulated")]

mod process;
mod codegen;
mod deps;
mod examples;
mod fuzz;
mod tidy;
mod suite;
mod project;
mod smoke;
mod ci;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask COMMAND

  test [--slow]      build, all tests, doc tests, and the examples with their expected output;
                     --slow: the whole workspace, more cases of each property, and the tests
                     that are ignored because they take long, in release
  services up|down|restart|status|install [NAME..]
                     servers for trying things out, as PostgreSQL and Redis, on spare ports of
                     loopback; restart: kills one, and starts it again with its data;
                     install: Debian's packages of those that are missing
  ci                 what must pass for work to land: format, tidy, codegen --check, deps, clippy, docs,
                     the fuzz targets and their seeds, test, and a run of the demo
  smoke              the last step of ci: a new project, the demo with bots, as clusters, and under chaos
  clusters [--players N] [--seconds N]
                     the demo's clusters on servers, with bots, while the first process of each
                     app is killed and each server is killed and starts again
  fuzz               the fuzz targets compile, and take the seeds that are kept
  tidy [--fix]       the rules of CONTRIBUTING.md that a program can check;
                     --fix: bring docs/config.md and the code that pages show up to date
  layers [CRATE]     upward imports, circles of files and long files, also those that
                     xtask/layers.txt allows for now
  codegen [--check]  generate the framework's own protos and docs/options.md; --check: fail
                     where what is committed differs";

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is in the workspace");
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["test"] => suite::run(root, suite::Reach::Default),
        ["test", "--slow"] => suite::run(root, suite::Reach::Slow),
        ["services", ref args @ ..] => suite::services(root, args),
        ["fuzz"] => fuzz::run(root),
        ["ci"] => ci::run(root),
        ["smoke"] => smoke::run(root),
        ["clusters", ref args @ ..] => smoke::under_fire(root, args),
        ["tidy"] => tidy::run(root, false),
        ["tidy", "--fix"] => tidy::run(root, true),
        ["layers"] => tidy::layers(root, ""),
        ["layers", name] => tidy::layers(root, name),
        ["codegen"] => codegen::run(root, false),
        ["codegen", "--check"] => codegen::run(root, true),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        [] => Err(anyhow::anyhow!("which command?\n\n{USAGE}")),
        _ => Err(anyhow::anyhow!("`{}` is not a command\n\n{USAGE}", args.join(" "))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
