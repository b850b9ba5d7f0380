//! The same proto for both sides: Guildhall's code, and tonic's in a folder of its own.

fn main() -> anyhow::Result<()> {
    let made = guildhall_build::compile(
        &["proto/echo.proto", "proto/keyed.proto", "proto/saved.proto"],
        &["proto"],
    );
    made.map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let out = format!("{}/tonic", std::env::var("OUT_DIR")?);
    std::fs::create_dir_all(&out)?;
    let set = protox::compile(["proto/echo.proto"], ["proto"])?;
    tonic_prost_build::configure().out_dir(out).compile_fds(set)?;
    Ok(())
}
