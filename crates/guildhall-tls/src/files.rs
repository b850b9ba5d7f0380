//! Certificates and keys in files of PEM.

use std::fmt::Display;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Longest file that is read, in bytes: all authorities of the web have a quarter of a MiB.
const FILE_MAX: u64 = 4 << 20;

/// All certificates in this file, of which there is at least one.
///
/// # Errors
/// Why it cannot be used, and what it should be. The caller knows what names the file.
pub fn certificates(path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let failed =
        |why: &dyn Display| format!("{why}; write the path of a PEM file with certificates");
    check_size(path).map_err(|why| failed(&why))?;
    let all = CertificateDer::pem_file_iter(path).map_err(|error| failed(&error))?;
    let all = all.collect::<Result<Vec<_>, _>>().map_err(|error| failed(&error))?;
    if all.is_empty() { Err(failed(&"it has no certificate")) } else { Ok(all) }
}

/// The private key in this file.
///
/// # Errors
/// As [`certificates`].
pub fn private_key(path: &str) -> Result<PrivateKeyDer<'static>, String> {
    let failed = |why: &dyn Display| format!("{why}; write the path of a PEM private key");
    check_size(path).map_err(|why| failed(&why))?;
    PrivateKeyDer::from_pem_file(path).map_err(|error| failed(&error))
}

/// The certificates in this file, as those that others have to stem from.
///
/// # Errors
/// As [`certificates`].
pub fn roots(path: &str) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for root in certificates(path)? {
        roots.add(root).map_err(|error| error.to_string())?;
    }
    Ok(roots)
}

fn check_size(path: &str) -> Result<(), String> {
    match std::fs::metadata(path).map_err(|error| error.to_string())?.len() {
        ..=FILE_MAX => Ok(()),
        size => Err(format!("it has {size} bytes; at most {FILE_MAX} are read")),
    }
}

#[cfg(test)]
mod tests {
    use super::{certificates, roots};

    #[test]
    fn a_file_without_a_certificate_is_an_error_that_says_what_to_write() {
        for path in ["/nowhere/roots.pem", "Cargo.toml", "/"] {
            let error = certificates(path).unwrap_err();
            assert!(error.contains("write the path of a PEM file"), "{path}: {error}");
            assert_eq!(roots(path).unwrap_err(), error);
        }
    }
}
