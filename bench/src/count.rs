//! `bench -- count`: makes a number of calls of ours, no more and no less, for tools that count instructions.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// Makes calls, 64 at a time.
pub(crate) async fn run<F, Fut>(calls: u64, call: F) -> Result<()>
where
    F: Fn() -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let call = call.clone();
        callers.spawn(async move {
            for _ in 0..calls / 64 {
                call().await?;
            }
            Ok::<(), anyhow::Error>(())
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller??;
    }
    Ok(())
}

/// Instructions of one call of `what`, as callgrind counts them; `None` where valgrind is not installed.
pub(crate) fn instructions(what: &str) -> Result<Option<u64>> {
    const FEW: u64 = 6_400;
    const MANY: u64 = 70_400;
    let Some(few) = instructions_of(what, FEW)? else { return Ok(None) };
    let many = instructions_of(what, MANY)?.context("valgrind was there")?;
    Ok(Some((many - few) / (MANY - FEW)))
}

fn instructions_of(what: &str, calls: u64) -> Result<Option<u64>> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    valgrind.arg(std::env::current_exe()?).args(["count", what, &calls.to_string()]);
    let ran = match valgrind.output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        ran => ran?,
    };
    let said = String::from_utf8_lossy(&ran.stderr);
    ensure!(ran.status.success(), "valgrind failed: {said}");
    // ==1234== Collected : 567890
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    let (_, count) = collected.with_context(|| format!("valgrind has counted nothing: {said}"))?;
    Ok(Some(count.trim().parse()?))
}
