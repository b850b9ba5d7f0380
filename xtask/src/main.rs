//! The project's commands: `cargo xtask {test, ci, tidy, codegen}`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks")]

mod ci;
mod codegen;
mod examples;
mod tidy;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask COMMAND
  test             all tests, and the examples with their expected output
  ci               what must pass for work to land: format, tidy, codegen, clippy, test
  tidy             the rules of CONTRIBUTING.md that a program can check
  codegen [--check]  generate the framework's own protos, or check that they are";

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is in the workspace");
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["test"] => ci::test(root),
        ["ci"] => ci::run(root),
        ["tidy"] => tidy::run(root),
        ["codegen"] => codegen::run(root, false),
        ["codegen", "--check"] => codegen::run(root, true),
        _ => Err(anyhow::anyhow!("{USAGE}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
