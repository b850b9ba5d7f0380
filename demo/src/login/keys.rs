//! The key that signs tokens, made at the first start, and its public half in the file that gates read.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::SigningKey;
use guildhall::Env;
use jsonwebtoken::EncodingKey;
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// The private key, PKCS #8 as PEM, readable by its owner alone.
const PRIVATE: &str = "signing.pem";
/// The public key, as a JSON Web Key Set: `gate.jwt.keys` names it.
const PUBLIC: &str = "jwks.json";

/// PKCS #8 of an Ed25519 key: this, then the 32 bytes of the key.
const PKCS8: &[u8] = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// What signs tokens.
pub(super) struct Keys {
    pub(super) signing: EncodingKey,
    /// Names the key: a thumbprint as of RFC 7638.
    pub(super) kid: String,
    /// What gates check tokens with: a JSON Web Key Set.
    pub(super) public: String,
}

impl Keys {
    /// Reads the key in `folder`, or makes one, and publishes it.
    ///
    /// # Errors
    /// What is wrong with which file.
    pub(super) fn open(env: &Env, folder: &str) -> Result<Self, String> {
        let folder = Path::new(folder);
        let wrong = |path: &Path, why: String| format!("login.keys: {}: {why}", path.display());
        fs::create_dir_all(folder).map_err(|e| wrong(folder, e.to_string()))?;
        let private = folder.join(PRIVATE);
        let seed = match fs::read_to_string(&private) {
            Ok(pem) => read_pem(&pem).ok_or_else(|| {
                let why = "no Ed25519 key in PKCS #8 PEM; restore it, or remove it to get a new one (which ends all tokens)";
                wrong(&private, why.to_owned())
            })?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let seed = env.random_bytes();
                write(&private, &pem(&seed), true).map_err(|e| wrong(&private, e.to_string()))?;
                seed
            }
            Err(e) => return Err(wrong(&private, e.to_string())),
        };
        let x = URL_SAFE_NO_PAD.encode(SigningKey::from_bytes(&seed).verifying_key().as_bytes());
        let thumbprint = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        let kid = URL_SAFE_NO_PAD.encode(Sha256::digest(thumbprint));
        let key = json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": kid, "x": x});
        let public = folder.join(PUBLIC);
        let set = format!("{:#}\n", json!({ "keys": [key] }));
        if fs::read_to_string(&public).ok().as_ref() != Some(&set) {
            write(&public, &set, false).map_err(|e| wrong(&public, e.to_string()))?;
        }
        Ok(Self { signing: EncodingKey::from_ed_der(&[PKCS8, &seed].concat()), kid, public: set })
    }
}

fn pem(seed: &[u8; 32]) -> String {
    format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode([PKCS8, seed].concat()))
}

fn read_pem(pem: &str) -> Option<[u8; 32]> {
    let body = pem.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
    let body: String = body.split_whitespace().collect();
    STANDARD.decode(body).ok()?.strip_prefix(PKCS8)?.try_into().ok()
}

/// Writes the whole file or none of it.
pub(crate) fn write(path: &Path, text: &str, private: bool) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if private {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    // Of a start that was killed; never written over, so that its mode is ours.
    remove(&unfinished)?;
    let mut file = options.open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(unfinished, path)
}

fn remove(path: &PathBuf) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}
