//! `guildhall new`: a project that builds and passes its tests at once.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};

use crate::out::print;

/// Longest name: it is also a label of an app's id.
const NAME_MAX: usize = 32;

/// The files, with `{{name}}`, `{{package}}` and `{{guildhall}}` in their places.
const FILES: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("../template/manifest.toml")),
    ("build.rs", include_str!("../template/build.rs.txt")),
    ("guildhall.toml", include_str!("../template/guildhall.toml")),
    ("proto/{{package}}.proto", include_str!("../template/proto/game.proto")),
    ("src/lib.rs", include_str!("../template/src/lib.rs.txt")),
    ("src/main.rs", include_str!("../template/src/main.rs.txt")),
    ("tests/kill.rs", include_str!("../template/tests/kill.rs.txt")),
    (".gitignore", "/target\n"),
];

/// `guildhall new`.
#[derive(Debug, clap::Args)]
pub(crate) struct NewArgs {
    /// Its name, and that of its folder, which is made here.
    name: String,
    /// The checkout of Guildhall that the project is built with: it is not published yet. [default: that which this program was
    /// built in]
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
}

/// Writes the files, all or none.
pub(crate) fn run(args: &NewArgs) -> Result<ExitCode> {
    let name = args.name.as_str();
    check(name)?;
    let folder = Path::new(name);
    ensure!(!folder.exists(), "{name} is there already; choose another name, or remove it");
    let guildhall = guildhall(args.path.as_deref())?;
    let package = name.replace('-', "_");
    let fill = |text: &str| {
        let text = text.replace("{{name}}", name).replace("{{package}}", &package);
        text.replace("{{guildhall}}", &guildhall)
    };
    for (path, text) in FILES {
        let file = folder.join(fill(path));
        let write = || {
            file.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            std::fs::write(&file, fill(text))
        };
        if let Err(error) = write() {
            // Half a project is none; what made the first error is told.
            let _ = std::fs::remove_dir_all(folder);
            return Err(error).with_context(|| format!("write {}", file.display()));
        }
    }
    print(&format!(
        "{name}: a service, an actor, a client, and a test that kills and cuts off its apps at random\n\n\
         \x20   cd {name}\n\
         \x20   cargo test\n\
         \x20   cargo run                # serves until Ctrl-C; beside it:\n\
         \x20   guildhall ls\n\
         \x20   guildhall call Greeter/Hello '{{\"name\":\"ann\"}}'"
    ));
    Ok(ExitCode::SUCCESS)
}

fn check(name: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    ensure!(
        begins && name.chars().all(fits) && name.len() <= NAME_MAX && !name.ends_with('-'),
        "`{name}` is no name; begin with a letter and write a-z, 0-9 and - (at most {NAME_MAX} characters)"
    );
    // Words of Rust, of protobuf, and names that cargo or this project takes for something else.
    const TAKEN: &str = "abstract as async await become box break const continue crate do dyn else enum extern false final fn for \
                         gen guildhall if impl in let loop macro match message mod move mut override package priv proto pub ref \
                         return self service static std core alloc test struct super syntax tokio trait true try type typeof \
                         unsafe unsized use virtual where while yield build deps examples incremental";
    if TAKEN.split_whitespace().any(|taken| taken == name) {
        bail!("`{name}` is a reserved name of Rust or cargo; choose another one");
    }
    Ok(())
}

/// The folder of Guildhall, as TOML writes it.
fn guildhall(path: Option<&Path>) -> Result<String> {
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = path.unwrap_or(&built_in);
    let path = path.canonicalize().with_context(|| {
        format!("there is no {}; give the checkout of Guildhall with --path DIR", path.display())
    })?;
    let is_it = path.join("crates/guildhall/Cargo.toml").is_file();
    ensure!(
        is_it,
        "{} is no checkout of Guildhall: it has no crates/guildhall; give another --path DIR",
        path.display()
    );
    let path = path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?;
    Ok(path.replace('\\', "/"))
}
