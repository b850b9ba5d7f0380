//! Servers that only an older release of Debian has: their packages are unpacked beside the system, into `/opt/NAME`.

use std::path::{Path, PathBuf};
use std::process::Command;

use servers::Recipe;

/// Signs the packages of all releases.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Fetches the package of `recipe` from the release `suite`, and unpacks it.
pub(crate) fn install(recipe: &Recipe, suite: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (list, lists) = (folder.path().join("sources.list"), folder.path().join("lists"));
    let line = format!("deb [signed-by={KEYRING}] {} {suite} main\n", mirror()?);
    std::fs::write(&list, line).map_err(|error| error.to_string())?;
    std::fs::create_dir_all(lists.join("partial")).map_err(|error| error.to_string())?;
    // The sources of this machine stay as they are.
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        // Its own user cannot write into this folder.
        command.current_dir(folder.path()).args(["--quiet=2", "-o", "APT::Sandbox::User=root"]);
        command.args(["-o", "Dir::Etc::sourceparts=-"]);
        command.arg("-o").arg(format!("Dir::Etc::sourcelist={}", list.display()));
        command.arg("-o").arg(format!("Dir::State::lists={}", lists.display()));
        run(command.args(arguments))
    };
    apt(&["update"])?;
    apt(&["download", recipe.package])?;
    let package = packages(folder.path()).next().ok_or("apt-get has downloaded no package")?;
    run(Command::new("dpkg").arg("-x").arg(package).arg(format!("/opt/{}", recipe.name)))
}

fn packages(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path());
    files.filter(|file| file.extension().is_some_and(|end| end == "deb"))
}

/// Where this machine gets Debian's packages from.
fn mirror() -> Result<String, String> {
    let folder = Path::new("/etc/apt/sources.list.d");
    let more = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path());
    // apt reads no others.
    let more =
        more.filter(|file| file.extension().is_some_and(|end| end == "list" || end == "sources"));
    let files = std::iter::once(PathBuf::from("/etc/apt/sources.list")).chain(more);
    let texts = files.filter_map(|file| std::fs::read_to_string(file).ok());
    let found = texts.filter_map(|text| mirror_in(&text)).next();
    found.ok_or_else(|| "no file of /etc/apt names a mirror of Debian".to_owned())
}

/// The first mirror in a file of sources that is not of security updates: `URIs: ..`, or a line `deb [..] URI SUITE COMPONENTS`.
fn mirror_in(text: &str) -> Option<String> {
    let of = |line: &str| {
        let uris = line.strip_prefix("URIs:");
        let uris = uris.or_else(|| line.strip_prefix("deb ")).unwrap_or_default();
        uris.split_whitespace().find(|word| word.contains("://")).map(ToOwned::to_owned)
    };
    text.lines().filter_map(of).find(|mirror| !mirror.contains("security"))
}

fn run(command: &mut Command) -> Result<(), String> {
    match command.env("DEBIAN_FRONTEND", "noninteractive").status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?}: {status}")),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::mirror_in;

    #[test]
    fn the_mirror_of_the_machine_is_found_in_both_kinds_of_files() {
        let new = "Types: deb\n# http://old.test/debian\nURIs: http://one.test/debian http://two.test/debian\nSuites: bookworm\n";
        let old = "# deb http://old.test/debian x main\ndeb [arch=amd64] http://one.test/debian bookworm main\n";
        let updates = "deb http://one.test/debian-security bookworm-security main\n";
        for text in [new, old, &format!("{updates}{old}")] {
            assert_eq!(mirror_in(text).as_deref(), Some("http://one.test/debian"), "{text}");
        }
        for text in ["", "deb", "URIs:", "Suites: a://b\n", updates] {
            assert_eq!(mirror_in(text), None, "{text}");
        }
    }
}
