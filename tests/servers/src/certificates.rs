//! [`Certificates`]: what a server with TLS needs, and what its clients believe; and [`has_to_prove_itself`], which all of them must do.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use guildhall_core::Env;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// Longer than any request here: what takes so long hangs.
const HANGS: Duration = Duration::from_secs(90);

/// The certificate of a server, and roots, as files that its user alone may read.
#[derive(Debug)]
pub struct Certificates {
    /// The certificate of the server.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The root that it stems from.
    pub root: PathBuf,
    /// A root that it does not stem from.
    pub other_root: PathBuf,
}

impl Certificates {
    /// Writes them into this folder, the certificate for that name or address.
    pub fn write(folder: &Path, name: &str) -> Self {
        let ((root, issuer), (other_root, _)) = (made_root(), made_root());
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = certificate.signed_by(&key, &issuer).unwrap();
        Self {
            certificate: for_its_user(folder, "server.crt", &certificate.pem()),
            key: for_its_user(folder, "server.key", &key.serialize_pem()),
            root: for_its_user(folder, "root.pem", &root),
            other_root: for_its_user(folder, "other-root.pem", &other_root),
        }
    }
}

fn made_root() -> (String, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    (pem, Issuer::new(params, key))
}

/// Writes a file for the user of a folder alone, as some servers want it.
fn for_its_user(folder: &Path, name: &str, text: &str) -> PathBuf {
    let (path, owner) = (folder.join(name), folder.metadata().unwrap());
    std::fs::write(&path, text).unwrap();
    chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// Checks a plugin on a server that takes TLS alone and has a certificate for `127.0.0.1`: it is used if the certificate stems from the
/// root of the URL and has the name of the URL. With another root or name, and without TLS, each request ends with an error that says why.
///
/// `encrypted` and `plain` are URLs of the server without options; `ask` opens a URL and asks the server something.
pub async fn has_to_prove_itself(
    certificates: &Certificates,
    (encrypted, plain): (&str, &str),
    ask: impl AsyncFn(&str) -> Result<(), String>,
) {
    let env = Env::real();
    let ask = async |url: &str| {
        let answer = env.until(env.now() + HANGS, ask(url)).await;
        answer.unwrap_or_else(|| panic!("it hangs: {url}"))
    };
    let with = |url: &str, root: &Path| format!("{url}?ca={}", root.display());
    let trusted = with(encrypted, &certificates.root);
    ask(&trusted).await.unwrap_or_else(|error| panic!("{trusted}: {error}"));
    for (url, why) in [
        (with(encrypted, &certificates.other_root), "invalid peer certificate"),
        (trusted.replace("127.0.0.1", "localhost"), "not valid for name"),
        (plain.to_owned(), "TLS"),
    ] {
        let error = ask(&url).await.expect_err(&url);
        assert!(error.contains(why), "{url}: {error}");
    }
}
